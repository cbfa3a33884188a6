// The report of a bench as text of at most 80 columns: one line a side, the ratio beside ours.

import type { BenchReport, ScenarioReport, SideResult } from '../../bench/run/report.js'
import { unsteadiness } from '../../bench/harness/statistics.js'
import type { SideName } from '../../bench/sides/side.js'

const columns = 80

interface Column {
  readonly head: string
  readonly width: number
  readonly left?: boolean
}

const layout: readonly Column[] = [
  { head: 'SCENARIO', width: 18, left: true },
  { head: 'SIDE', width: 8, left: true },
  { head: 'VALUE', width: 8 },
  { head: 'UNIT', width: 10, left: true },
  { head: '+-%', width: 3 },
  { head: 'P50MS', width: 6 },
  { head: 'P99MS', width: 6 },
  { head: 'CPU S', width: 5 },
  { head: 'RATIO', width: 8 },
]

export function tableOf(report: BenchReport): readonly string[] {
  const { machine, versions, members, settings, scenarios } = report
  const gibibytes = Math.round(machine.memoryBytes / 2 ** 30)
  return [
    ...wrapped(
      `${Object.values(versions).join(', ')}; ${members} members, data on ${machine.fileSystem}; ` +
        `${settings.repetitions} x ${settings.seconds} s; commit ${report.commit}`,
    ),
    ...wrapped(
      `${machine.cores} x ${machine.cpu}, ${gibibytes} GiB, Linux ${machine.kernel}, ` +
        `Node ${machine.node}, load ${machine.loadBefore} before`,
    ),
    '',
    lineOf(layout.map(({ head }) => head)),
    ...scenarios.flatMap(rowsOf),
    ...notesOf(scenarios),
    ...(report.interrupted ? ['', 'ended before it was done'] : []),
  ]
}

function rowsOf(scenario: ScenarioReport): readonly string[] {
  const rows: string[] = []
  for (const side of ['raftsman', 'etcd'] as const) {
    const result = scenario[side]
    if (result === null) continue
    rows.push(rowOf(scenario, side, result, rows.length === 0))
  }
  return rows.length > 0 ? rows : [lineOf([scenario.name, '', '-'])]
}

function rowOf(
  { name, unit, better, ratio }: ScenarioReport,
  side: SideName,
  result: SideResult,
  first: boolean,
): string {
  const { value, valueLeast, valueMost, repetitions, p50Ms, p99Ms, cpuSeconds } = result
  const spread = unsteadiness({ median: value, least: valueLeast, most: valueMost })
  return lineOf([
    first ? name : '',
    side,
    figure(value, 8),
    unit,
    repetitions.length > 1 ? (spread * 100).toFixed(0) : '',
    p50Ms === null ? '' : figure(p50Ms, 6),
    p99Ms === null ? '' : figure(p99Ms, 6),
    figure(cpuSeconds, 5),
    first && ratio !== null ? `${figure(ratio, 5)}x${better === 'lower' ? ' <' : ''}` : '',
  ])
}

function lineOf(cells: readonly string[]): string {
  return layout
    .map(({ width, left }, at) => {
      const cell = cells[at] ?? ''
      return left === true ? cell.padEnd(width) : cell.padStart(width)
    })
    .join(' ')
    .trimEnd()
}

/** Three digits that count at least, and thousands apart; in thousands or millions where room is short. */
export function figure(value: number, width = Number.POSITIVE_INFINITY): string {
  const plain = digits(value)
  if (plain.length <= width) return plain
  const thousands = `${digits(value / 1e3)}k`
  return thousands.length <= width ? thousands : `${digits(value / 1e6)}M`
}

function digits(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 99.95) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3)
}

function notesOf(scenarios: readonly ScenarioReport[]): readonly string[] {
  const notes = scenarios.flatMap(({ name, failures, ...sides }) => [
    ...failures.map(({ side, why }) => `${name}, ${side}: FAILED, ${why}`),
    ...(['raftsman', 'etcd'] as const).flatMap(side =>
      (sides[side]?.notes ?? []).map(note => `${name}, ${side}: ${note}`),
    ),
  ])
  const legend = scenarios.some(({ better, ratio }) => better === 'lower' && ratio !== null)
    ? ['', '<  less is better: a ratio below 1 is in our favour']
    : []
  return [...legend, ...(notes.length > 0 ? ['', ...notes.flatMap(wrapped)] : [])]
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    // A word that is longer than a line is cut: a path in an error, for one.
    for (let at = 0; at < word.length; at += columns) {
      const piece = word.slice(at, at + columns)
      if (line !== '' && line.length + 1 + piece.length > columns) {
        lines.push(line)
        line = ''
      }
      line = line === '' ? piece : `${line} ${piece}`
    }
  }
  return line === '' ? lines : [...lines, line]
}
