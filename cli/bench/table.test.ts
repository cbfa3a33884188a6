// The table fits a terminal, whatever the figures and the sentences are.

import { expect, test } from 'vitest'
import type { BenchReport, ScenarioReport, SideResult } from '../../bench/run/report.js'
import { figure, tableOf } from './table.js'

const result = (value: number): SideResult => ({
  value,
  valueLeast: value * 0.875,
  valueMost: value * 1.05,
  p50Ms: 123_456.7,
  p90Ms: 1,
  p99Ms: 987_654.3,
  p999Ms: 1,
  maxMs: 1,
  cpuSeconds: 1_234.5,
  maxRssBytes: 1,
  generatorCpuSeconds: 1,
  answered: 1,
  failed: 0,
  walSyncs: null,
  notes: [`a sentence about what ${'happened '.repeat(20)}`],
  repetitions: Array.from({ length: 3 }, () => ({
    value,
    p50Ms: 1,
    p99Ms: 1,
    cpuSeconds: 1,
    maxRssBytes: 1,
  })),
  latencies: null,
  perSecond: [],
})

const scenario = (more: Partial<ScenarioReport> = {}): ScenarioReport => ({
  name: 'put-grpc-1x1000',
  unit: 'events/s',
  better: 'higher',
  summary: '',
  protocol: 'native',
  raftsman: result(1_234_567),
  etcd: result(9_999_999),
  ratio: 0.1234,
  failures: [],
  ...more,
})

const report = (scenarios: readonly ScenarioReport[]): BenchReport => ({
  machine: {
    cpu: 'A processor with a long name that goes on and on and on, and on',
    cores: 128,
    memoryBytes: 2 ** 40,
    kernel: '6.18.44-some-long-suffix',
    node: 'v20.20.2',
    fileSystem: 'ext4',
    fsync: '',
    loadBefore: 12.34,
  },
  commit: 'abcdef0',
  startedAt: '2026-01-01T00:00:00.000Z',
  versions: { raftsman: 'raftsman 0.2.0', etcd: 'etcd 3.4.23' },
  members: 3,
  settings: {
    seconds: 10,
    warmUpSeconds: 2,
    serverWarmUpSeconds: 5,
    repetitions: 3,
    clients: null,
    valueBytes: null,
    rate: null,
    quick: false,
  },
  interrupted: true,
  scenarios,
})

test('No line is longer than 80 columns.', () => {
  const why = `/a/${'very-long-folder-name/'.repeat(10)}file does not exist`
  const lines = tableOf(
    report([
      scenario(),
      scenario({ better: 'lower', ratio: 1_234.5 }),
      scenario({ raftsman: null, ratio: null, failures: [{ side: 'raftsman', why }] }),
      scenario({ raftsman: null, etcd: null, ratio: null }),
    ]),
  )
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
})

test('The ratio stands beside ours, and where less is better that is said.', () => {
  const lines = tableOf(
    report([scenario(), scenario({ name: 'recovery', unit: 's', better: 'lower', ratio: 0.5 })]),
  )
  const of = (start: string) => lines.find(line => line.startsWith(start)) ?? ''
  expect(of('put-grpc-1x1000')).toMatch(/raftsman .* 0\.123x$/)
  expect(of('recovery')).toMatch(/raftsman .* 0\.500x <$/)
  expect(lines.filter(line => /^ +etcd/.test(line)).some(line => line.includes('x'))).toBe(false)
  expect(lines.join('\n')).toContain('less is better')
})

test('A side that failed is told with its reason.', () => {
  const failures = [{ side: 'etcd', why: 'it does not serve' }] as const
  const text = tableOf(report([scenario({ etcd: null, ratio: null, failures })])).join('\n')
  expect(text).toContain('put-grpc-1x1000, etcd: FAILED, it does not serve')
  expect(text).toContain('ended before it was done')
})

test.each([
  [0, '0'],
  [0.0451, '0.045'],
  [0.99949, '0.999'],
  [1.2345, '1.23'],
  [9.999, '10.0'],
  [12.345, '12.3'],
  [99.96, '100'],
  [1_234.5, '1,235'],
  [9_999_999, '10,000k'],
  [12_345_678, '12,346k'],
  [123_456_789, '123M'],
  [123_456, '123,456'],
])('%d is shown as %s where there are seven columns', (value, text) => {
  expect(figure(value, 7)).toBe(text)
})
