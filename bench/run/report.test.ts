import { expect, test } from 'vitest'
import { Histogram } from '../harness/histogram.js'
import type { Outcome } from '../scenarios/scenario.js'
import { ratioOf, resultOf } from './report.js'

function outcome(value: number, micros: readonly number[], more: Partial<Outcome> = {}): Outcome {
  const latencies = new Histogram()
  for (const one of micros) latencies.record(one)
  return {
    value,
    recorded: {
      latencies,
      answered: micros.length,
      perSecond: [micros.length],
      failures: {},
      failed: 1,
      elapsedMs: 1_000,
    },
    metered: {
      cpuSeconds: value / 100,
      maxRssBytes: value,
      generatorCpuSeconds: value / 200,
      elapsedMs: 1_000,
    },
    walSyncs: 3,
    notes: ['the same'],
    ...more,
  }
}

test('The value is the median of the repetitions, percentiles are of all of them together.', () => {
  const result = resultOf([
    outcome(100, [100, 100]),
    outcome(300, [100, 200]),
    outcome(
      110,
      Array.from({ length: 96 }, () => 50),
    ),
  ])
  expect(result).toMatchObject({
    value: 110,
    valueLeast: 100,
    valueMost: 300,
    p50Ms: 0.05,
    p99Ms: 0.1,
    maxMs: 0.2,
    cpuSeconds: 1.1,
    maxRssBytes: 300,
    generatorCpuSeconds: 0.55,
    answered: 100,
    failed: 3,
    walSyncs: 9,
    notes: ['the same'],
  })
  expect(result?.repetitions.map(({ p50Ms }) => p50Ms)).toEqual([0.1, 0.1, 0.05])
})

test('Without requests there are no percentiles, and a member that counts no syncs leaves none.', () => {
  const result = resultOf([outcome(1, [], { recorded: null, walSyncs: null }), outcome(2, [])])
  expect(result).toMatchObject({ value: 1.5, p50Ms: null, latencies: null, walSyncs: null })
})

test('There is a ratio where there are both sides, ours by theirs.', () => {
  const [ours, theirs] = [resultOf([outcome(300, [1])]), resultOf([outcome(100, [1])])]
  expect(ratioOf(ours, theirs)).toBe(3)
  expect(ratioOf(ours, null)).toBeNull()
  expect(ratioOf(ours, resultOf([outcome(0, [1])]))).toBeNull()
  expect(resultOf([])).toBeNull()
})
