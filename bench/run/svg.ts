// Charts as SVG text, without a library: latencies by percentile, and throughput over time. Colours come
// from the page's style, so that they follow its light or dark.

import type { Histogram } from '../harness/histogram.js'
import type { SideName } from '../sides/side.js'
import { escaped } from './escape.js'

const width = 460
const height = 240
const margin = { left: 58, right: 24, top: 12, bottom: 30 }
const plotWidth = width - margin.left - margin.right
const plotHeight = height - margin.top - margin.bottom

export interface Curve {
  readonly side: SideName
  readonly latencies: Histogram
}

export interface Track {
  readonly side: SideName
  readonly perSecond: readonly number[]
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Tick {
  /** 0 to 1 along its axis. */
  readonly at: number
  readonly label: string
}

/** Nines of a percentile: 90% is 1, 99% is 2. */
const nines = (part: number): number => -Math.log10(1 - part)
const ninesMax = 4
const percentiles: readonly (readonly [number, string])[] = [
  [0, '0'],
  [0.5, '50%'],
  [0.9, '90%'],
  [0.99, '99%'],
  [0.999, '99.9%'],
  [0.9999, '99.99%'],
]

/** Both axes logarithmic: how slow the slowest are is what one wants to see. */
export function latencyChart(title: string, curves: readonly Curve[]): string {
  const drawn = curves.filter(({ latencies }) => latencies.count > 0)
  if (drawn.length === 0) return ''
  const least = Math.max(1, Math.min(...drawn.map(({ latencies }) => latencies.minMicros)))
  const most = Math.max(10, ...drawn.map(({ latencies }) => latencies.maxMicros))
  const low = Math.floor(Math.log10(least))
  const high = Math.max(low + 1, Math.ceil(Math.log10(most)))
  const y = (micros: number) => (Math.log10(Math.max(1, micros)) - low) / (high - low)
  const x = (part: number) => Math.min(ninesMax, nines(part)) / ninesMax
  const lines = drawn.map(({ side, latencies }) => {
    const points: Point[] = [{ x: 0, y: y(latencies.minMicros) }]
    for (const { micros, part } of latencies.curve()) {
      // The last percentile that so many values can tell of.
      const told = Math.min(part, 1 - 0.5 / latencies.count)
      points.push({ x: x(told), y: y(micros) })
    }
    return { side, points }
  })
  const decades = Array.from({ length: high - low + 1 }, (_, at) => ({
    at: at / (high - low),
    label: milliseconds(10 ** (low + at)),
  }))
  const across = percentiles.map(([part, label]) => ({ at: x(part), label }))
  return chart(title, across, decades, lines)
}

export function throughputChart(title: string, tracks: readonly Track[]): string {
  const drawn = tracks.filter(({ perSecond }) => perSecond.length > 1)
  if (drawn.length === 0) return ''
  const seconds = Math.max(...drawn.map(({ perSecond }) => perSecond.length))
  const most = niceAbove(Math.max(...drawn.flatMap(({ perSecond }) => perSecond)))
  const lines = drawn.map(({ side, perSecond }) => ({
    side,
    points: perSecond.map((count, at) => ({
      x: at / (seconds - 1),
      y: count / most,
    })),
  }))
  const up = [0, 0.25, 0.5, 0.75, 1].map(at => ({ at, label: shortly(most * at) }))
  const step = Math.max(1, Math.ceil((seconds - 1) / 5))
  const across: Tick[] = []
  for (let second = 0; second < seconds; second += step)
    across.push({ at: second / (seconds - 1), label: `${second + 1} s` })
  return chart(title, across, up, lines)
}

function chart(
  title: string,
  across: readonly Tick[],
  up: readonly Tick[],
  lines: readonly { readonly side: SideName; readonly points: readonly Point[] }[],
): string {
  const px = (x: number) => rounded(margin.left + x * plotWidth)
  const py = (y: number) => rounded(margin.top + (1 - y) * plotHeight)
  const grid = [
    ...up.map(
      ({ at, label }) =>
        `<line x1="${px(0)}" x2="${px(1)}" y1="${py(at)}" y2="${py(at)}"/>` +
        `<text x="${px(0) - 6}" y="${py(at) + 4}" text-anchor="end">${escaped(label)}</text>`,
    ),
    ...across.map(
      ({ at, label }) =>
        `<line x1="${px(at)}" x2="${px(at)}" y1="${py(0)}" y2="${py(1)}"/>` +
        `<text x="${px(at)}" y="${height - 10}" text-anchor="middle">${escaped(label)}</text>`,
    ),
  ]
  const curves = lines.map(({ side, points }) => {
    const path = points.map(({ x, y }) => `${px(x)},${py(y)}`).join(' ')
    return `<polyline class="${side}" points="${path}"/>`
  })
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img"><title>${escaped(title)}</title>` +
    `<g class="grid">${grid.join('')}</g>${curves.join('')}</svg>`
  )
}

const rounded = (value: number): number => Math.round(value * 10) / 10

function milliseconds(micros: number): string {
  if (micros >= 1_000_000) return `${micros / 1_000_000} s`
  return micros >= 1_000 ? `${micros / 1_000} ms` : `${micros} us`
}

/** 1, 2 or 5 with zeros, and not below. */
function niceAbove(value: number): number {
  if (value <= 0) return 1
  const decade = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 5, 10].find(one => one * decade >= value) ?? 10
  return step * decade
}

function shortly(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}
