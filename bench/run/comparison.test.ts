import { expect, test } from 'vitest'
import { compared, markdownOf } from './comparison.js'
import type { BenchReport, ScenarioReport, SideResult } from './report.js'

const repetition = { value: 1, p50Ms: 1, p99Ms: 1, cpuSeconds: 1, maxRssBytes: 1 }

const side = (value: number, more: Partial<SideResult> = {}): SideResult => ({
  value,
  valueLeast: value,
  valueMost: value,
  p50Ms: 2,
  p90Ms: 3,
  p99Ms: 4,
  p999Ms: 5,
  maxMs: 6,
  cpuSeconds: 1,
  maxRssBytes: 1_000,
  generatorCpuSeconds: 1,
  answered: 100,
  failed: 0,
  walSyncs: null,
  notes: [],
  repetitions: [repetition],
  latencies: null,
  perSecond: [],
  ...more,
})

const row = (
  name: string,
  raftsman: SideResult | null,
  etcd: SideResult | null,
): ScenarioReport => ({
  name,
  unit: 'puts/s',
  better: 'higher',
  summary: '',
  protocol: 'native',
  raftsman,
  etcd,
  ratio: raftsman === null || etcd === null ? null : raftsman.value / etcd.value,
  failures: [],
})

const run = (...scenarios: ScenarioReport[]): BenchReport => ({
  machine: {
    cpu: 'one',
    cores: 1,
    memoryBytes: 1,
    kernel: '1',
    node: '1',
    fileSystem: 'ext4',
    fsync: '',
    loadBefore: 0,
  },
  commit: 'abc',
  startedAt: '',
  versions: {},
  members: 3,
  settings: {
    seconds: 1,
    warmUpSeconds: 1,
    serverWarmUpSeconds: 1,
    repetitions: 1,
    clients: null,
    valueBytes: null,
    rate: null,
    quick: false,
  },
  interrupted: false,
  scenarios,
})

test('Figures are medians over the runs, and ratios those of each run.', () => {
  const rows = compared([
    run(row('put', side(100), side(50))),
    run(row('put', side(400, { p99Ms: 8 }), side(50))),
    run(row('put', side(150, { p50Ms: 1, answered: 200 }), side(60, { maxRssBytes: 4_000 }))),
  ])
  expect(rows).toEqual([
    {
      name: 'put',
      unit: 'puts/s',
      ours: 150,
      theirs: 50,
      ratios: [2, 8, 2.5],
      p50: 1,
      p99: 1,
      cpu: 1,
      rss: 1,
    },
  ])
  expect(markdownOf(rows).at(-1)).toBe(
    '| `put` | 150 puts/s | 50.0 | 2.5 | 2.0, 8.0, 2.5 | 1.0 | 1.0 | 1.0 | 1.0 |',
  )
})

test('What a side lacks, and what a run lacks, is no figure.', () => {
  const rows = compared([
    run(
      row('mvcc-put', side(30_000), null),
      row('idle', side(5, { p50Ms: null, answered: 0 }), side(10)),
    ),
    run(row('idle', side(7, { p50Ms: null, answered: 0 }), side(10))),
  ])
  expect(markdownOf(rows).slice(2)).toEqual([
    '| `mvcc-put` | 30,000 puts/s | - | - |  | - | - | - | - |',
    '| `idle` | 6.00 puts/s | 10.0 | 0.60 | 0.50, 0.70 | - | 1.0 | - | 1.0 |',
  ])
})
