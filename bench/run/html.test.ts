// The page holds what it was given as text, and is one page whatever that is.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../harness/histogram.js'
import { escaped } from './escape.js'
import { htmlOf } from './html.js'
import type { BenchReport, SideResult } from './report.js'

function result(micros: readonly number[], perSecond: readonly number[], note: string): SideResult {
  const latencies = new Histogram()
  for (const value of micros) latencies.record(value)
  return {
    value: 1_234.5,
    valueLeast: 1_000,
    valueMost: 1_300,
    p50Ms: 1,
    p90Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    maxMs: 4,
    cpuSeconds: 1,
    maxRssBytes: 2 ** 30,
    generatorCpuSeconds: 1,
    answered: micros.length,
    failed: 0,
    walSyncs: 5,
    notes: [note],
    repetitions: [],
    latencies: micros.length === 0 ? null : latencies.toJSON(),
    perSecond,
  }
}

function report(text: string, ours: SideResult, theirs: SideResult | null): BenchReport {
  return {
    machine: {
      cpu: text,
      cores: 2,
      memoryBytes: 2 ** 34,
      kernel: text,
      node: text,
      fileSystem: text,
      fsync: text,
      loadBefore: 0,
    },
    commit: text,
    startedAt: text,
    versions: { raftsman: text },
    members: 3,
    settings: {
      seconds: 1,
      warmUpSeconds: 1,
      serverWarmUpSeconds: 0,
      repetitions: 1,
      clients: null,
      valueBytes: null,
      rate: null,
      quick: false,
    },
    interrupted: true,
    scenarios: [
      {
        name: text,
        unit: text,
        better: 'lower',
        summary: text,
        protocol: 'native',
        raftsman: ours,
        etcd: theirs,
        ratio: 0.5,
        failures: [{ side: 'etcd', why: text }],
      },
    ],
  }
}

const strange = '<script>alert("1")</script> & \'2\' </title></style>'

test('Nothing that stands in a report can be taken for markup.', () => {
  const page = htmlOf(report(strange, result([1, 2, 3], [1, 2], strange), null))
  expect(page).not.toContain('<script')
  expect(page.match(/<\/title>/g)?.length).toBe(1 + page.split('<svg').length - 1)
  expect(page.match(/<\/style>/g)?.length).toBe(1)
  expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;2&#39;')
})

test('What is escaped holds no character of markup, and comes back as it was.', () => {
  const back: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const safe = escaped(text)
      expect(safe).not.toMatch(/[<>"']/)
      expect(safe.replaceAll(/&[a-z#0-9]+;/g, entity => back[entity] ?? entity)).toBe(text)
    }),
  )
})

test('Every point of a chart lies within it, whatever was measured.', () => {
  const micros = fc.array(fc.integer({ min: 0, max: 2 ** 36 }), { maxLength: 50 })
  const seconds = fc.array(fc.nat(1_000_000), { maxLength: 20 })
  fc.assert(
    fc.property(micros, seconds, micros, seconds, (a, b, c, d) => {
      const page = htmlOf(report('x', result(a, b, ''), result(c, d, '')))
      for (const [, points = ''] of page.matchAll(/points="([^"]*)"/g)) {
        for (const point of points.split(' ')) {
          const [x = Number.NaN, y = Number.NaN] = point.split(',').map(Number)
          expect(x >= 0 && x <= 460 && y >= 0 && y <= 240, point).toBe(true)
        }
      }
      expect(page).not.toMatch(/NaN|undefined|Infinity/)
    }),
  )
})

test('The page asks for nothing from elsewhere.', () => {
  const page = htmlOf(report('x', result([5], [1, 2], ''), result([5, 6], [3, 4], '')))
  expect(page).not.toMatch(/https?:|src=|href=|@import|url\(/)
  expect(page.split('<svg').length - 1).toBe(2)
  expect(page.split('<polyline').length - 1).toBe(4)
})
