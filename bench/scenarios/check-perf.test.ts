// What etcdctl says, in its own words.

import { expect, test } from 'vitest'
import { checkPerfIn } from './check-perf.js'

test('A check that passed is read.', () => {
  const said = `59 / 60 B  98.33%PASS: Throughput is 984 writes/s
PASS: Slowest request took 0.090723s
PASS: Stddev is 0.003544s
PASS`
  expect(checkPerfIn(said)).toEqual({
    writesPerSecond: 984,
    slowestSeconds: 0.090723,
    deviationSeconds: 0.003544,
  })
})

test('So is one that failed.', () => {
  const said = `FAIL: Throughput too low: 3082 writes/s
Slowest request took too long: 1.500000s
Stddev too high: 0.200000s
FAIL`
  expect(checkPerfIn(said)).toEqual({
    writesPerSecond: 3_082,
    slowestSeconds: 1.5,
    deviationSeconds: 0.2,
  })
})

test('Anything else is nothing.', () => {
  expect(checkPerfIn('Error: context deadline exceeded')).toBeNull()
})
