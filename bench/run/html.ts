// The report of a run as one page that needs nothing else: every figure, and for each scenario its
// latencies by percentile and its throughput over time.

import { Histogram } from '../harness/histogram.js'
import { unsteadiness } from '../harness/statistics.js'
import { sideNames } from '../sides/side.js'
import { escaped } from './escape.js'
import type { BenchReport, ScenarioReport, SideResult } from './report.js'
import { latencyChart, throughputChart } from './svg.js'

const style = `
:root { color-scheme: light dark; --ours: #0b6e99; --theirs: #c2571a; --line: #8886; --ink: #888; }
@media (prefers-color-scheme: dark) { :root { --ours: #5bc0eb; --theirs: #f4a259; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 0.25rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
.wide { overflow-x: auto; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; } td[rowspan] { vertical-align: top; } tr:not(.last) td:not([rowspan]) { border-bottom: 0; }
th.text, td.text { text-align: left; }
.raftsman { color: var(--ours); } .etcd { color: var(--theirs); }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 26rem; }
figcaption, .aside { color: var(--ink); font-size: 0.85rem; }
svg { width: 100%; height: auto; } svg text { font-size: 10px; fill: var(--ink); }
.grid line { stroke: var(--line); stroke-width: 0.5; }
polyline { fill: none; stroke: currentColor; stroke-width: 1.75; }`

export function htmlOf(report: BenchReport): string {
  const { scenarios } = report
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>raftsman bench, ${escaped(report.startedAt)}</title>
<style>${style}
</style>
<h1>raftsman bench</h1>
${factsOf(report)}
<div class="wide">${tableOf(scenarios)}</div>
<p class="aside">Ratio: ours by etcd's. &lt;: less is better, and a ratio below 1 is in our favour.</p>
${scenarios.map(sectionOf).join('\n')}
</html>
`
}

function factsOf(report: BenchReport): string {
  const { machine, settings, versions, members, interrupted } = report
  const gibibytes = Math.round(machine.memoryBytes / 2 ** 30)
  const sentences = [
    `${Object.values(versions).join(' and ')}; commit ${report.commit}; ${report.startedAt}.`,
    `${machine.cores} x ${machine.cpu}, ${gibibytes} GiB, Linux ${machine.kernel}, Node ${machine.node}; ` +
      `data on ${machine.fileSystem}; load before the run ${machine.loadBefore}.`,
    `Clusters of ${members} members on loopback, each new and alone on the machine; ${settings.repetitions} ` +
      `repetitions of ${settings.seconds} s, sides in turn, after ${settings.serverWarmUpSeconds} s of mixed load ` +
      `and ${settings.warmUpSeconds} s of the scenario's own.`,
    `Durability: ${machine.fsync}.`,
    ...(interrupted ? ['The run was ended before it was done.'] : []),
  ]
  return sentences.map(sentence => `<p class="aside">${escaped(sentence)}</p>`).join('\n')
}

const heads: readonly (readonly [string, boolean])[] = [
  ['scenario', true],
  ['ratio', false],
  ['side', true],
  ['value', false],
  ['unit', true],
  ['spread', false],
  ['p50 ms', false],
  ['p99 ms', false],
  ['p99.9 ms', false],
  ['max ms', false],
  ['servers CPU s', false],
  ['generator CPU s', false],
  ['servers MiB', false],
  ['log syncs', false],
]

function tableOf(scenarios: readonly ScenarioReport[]): string {
  const head = heads
    .map(([text, left]) => `<th${left ? ' class="text"' : ''}>${escaped(text)}</th>`)
    .join('')
  return `<table><thead><tr>${head}</tr></thead><tbody>${scenarios.map(rowsOf).join('')}</tbody></table>`
}

/** A row a side; the name and the ratio are of both. */
function rowsOf(scenario: ScenarioReport): string {
  const { name, unit, better, ratio } = scenario
  const present = sideNames.flatMap(side => {
    const result = scenario[side]
    return result === null ? [] : [{ side, result }]
  })
  const told = ratio === null ? '' : `${number(ratio)}x${better === 'lower' ? ' <' : ''}`
  const both = [name, told].map((text, at) => {
    const kind = at === 0 ? ' class="text"' : ''
    return `<td${kind} rowspan="${present.length}">${escaped(text)}</td>`
  })
  return present
    .map(({ side, result }, row) => {
      const cells = [
        side,
        number(result.value),
        unit,
        spreadText(result),
        ...[result.p50Ms, result.p99Ms, result.p999Ms, result.maxMs].map(number),
        number(result.cpuSeconds),
        number(result.generatorCpuSeconds),
        number(result.maxRssBytes / 2 ** 20),
        number(result.walSyncs),
      ].map((cell, at) => {
        const left = heads[both.length + at]?.[1] === true
        return `<td class="${left ? 'text ' : ''}${side}">${escaped(cell)}</td>`
      })
      const last = row === present.length - 1 ? ' class="last"' : ''
      return `<tr${last}>${row === 0 ? both.join('') : ''}${cells.join('')}</tr>`
    })
    .join('')
}

function spreadText({ value, valueLeast, valueMost, repetitions }: SideResult): string {
  if (repetitions.length < 2) return ''
  const part = unsteadiness({ median: value, least: valueLeast, most: valueMost })
  return `±${(part * 100).toFixed(0)}%`
}

function sectionOf(scenario: ScenarioReport): string {
  const { name, summary, better, failures } = scenario
  const present = sideNames.flatMap(side => {
    const result = scenario[side]
    return result === null ? [] : [{ side, result }]
  })
  const curves = present.flatMap(({ side, result: { latencies } }) =>
    latencies === null ? [] : [{ side, latencies: Histogram.from(latencies) }],
  )
  const tracks = present.map(({ side, result: { perSecond } }) => ({ side, perSecond }))
  const figures = [
    ['Latency by percentile', latencyChart(`${name}: latency by percentile`, curves)],
    ['Answered a second', throughputChart(`${name}: answered a second`, tracks)],
  ]
    .filter(([, svg]) => svg !== '')
    .map(([caption, svg]) => `<figure>${svg}<figcaption>${caption}</figcaption></figure>`)
  const remarks = [
    ...failures.map(({ side, why }) => `${side} failed: ${why}`),
    ...present.flatMap(({ side, result }) => result.notes.map(note => `${side}: ${note}`)),
  ].map(remark => `<p class="aside">${escaped(remark)}</p>`)
  const legend = present.map(({ side }) => `<span class="${side}">${side}</span>`).join(' ')
  return `<section><h2>${escaped(name)}</h2>
<p class="aside">${escaped(summary)}; ${better} is better. ${legend}</p>
${remarks.join('\n')}
<div class="charts">${figures.join('')}</div></section>`
}

function number(value: number | null): string {
  if (value === null) return ''
  if (value === 0) return '0'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
