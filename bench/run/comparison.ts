// Several whole runs side by side: of every figure the medians over the runs, and ours by etcd's, which is what
// can be told of a machine that others share.

import { spreadOf } from '../harness/statistics.js'
import type { BenchReport, ScenarioReport, SideResult } from './report.js'

export interface ComparedRow {
  readonly name: string
  readonly unit: string
  /** Null where a side has no such row. */
  readonly ours: number | null
  readonly theirs: number | null
  /** Ours by etcd's, of each run that has both, in the order of the runs. */
  readonly ratios: readonly number[]
  /** Of the same, medians; null where there are no requests to speak of. */
  readonly p50: number | null
  readonly p99: number | null
  readonly cpu: number | null
  readonly rss: number | null
}

/** Rows in the order of the first report; each of the others has them too, or does not count for them. */
export function compared(reports: readonly BenchReport[]): readonly ComparedRow[] {
  return (reports[0]?.scenarios ?? []).map(({ name, unit }) => {
    const runs = reports.flatMap(({ scenarios }) => scenarios.filter(row => row.name === name))
    return {
      name,
      unit,
      ours: median(runs.map(({ raftsman }) => raftsman?.value ?? null)),
      theirs: median(runs.map(({ etcd }) => etcd?.value ?? null)),
      ratios: runs.flatMap(({ ratio }) => (ratio === null ? [] : [ratio])),
      p50: ratio(runs, ({ p50Ms }) => p50Ms),
      p99: ratio(runs, ({ p99Ms }) => p99Ms),
      // Both sides work as fast as they can, so it is the processor time of one answer that says something.
      cpu: ratio(runs, ({ cpuSeconds, repetitions, answered }) =>
        answered === 0 ? null : (cpuSeconds * repetitions.length) / answered,
      ),
      rss: ratio(runs, ({ maxRssBytes }) => maxRssBytes),
    }
  })
}

export function markdownOf(rows: readonly ComparedRow[]): readonly string[] {
  return [
    '| scenario | ours | etcd | ratio | by run | p50 | p99 | CPU an answer | memory |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map(({ name, unit, ours, theirs, ratios, p50, p99, cpu, rss }) => {
      const cells = [
        `\`${name}\``,
        ours === null ? '-' : `${amount(ours)} ${unit}`,
        theirs === null ? '-' : amount(theirs),
        short(median(ratios)),
        ratios.length < 2 ? '' : ratios.map(short).join(', '),
        ...[p50, p99, cpu, rss].map(short),
      ]
      return `| ${cells.join(' | ')} |`
    }),
  ]
}

function ratio(
  runs: readonly ScenarioReport[],
  figure: (result: SideResult) => number | null,
): number | null {
  return median(
    runs.map(({ raftsman, etcd }) => {
      if (raftsman === null || etcd === null) return null
      const [ours, theirs] = [figure(raftsman), figure(etcd)]
      return ours === null || theirs === null || theirs === 0 ? null : ours / theirs
    }),
  )
}

/** Null of nothing. */
function median(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : spreadOf(known).median
}

const amount = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)

const short = (value: number | null): string =>
  value === null ? '-' : value >= 100 ? value.toFixed(0) : value.toPrecision(2)
