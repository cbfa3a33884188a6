// The meter over processes that a test makes up, and over what /proc really looks like.

import { expect, test } from 'vitest'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { cpuSecondsIn, Meter, residentBytesIn } from './processes.js'
import type { ProcessCost } from './processes.js'

test('Processor time is that of user and kernel, whatever the name of the process is.', () => {
  const rest = 'S 1 2 2 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 11 0 5000 1 1'
  expect(cpuSecondsIn(`42 (node) ${rest}`)).toBe(3)
  expect(cpuSecondsIn(`42 (a ) strange (name) ${rest}`)).toBe(3)
})

test('Resident memory stands in kilobytes; a process without any has none.', () => {
  expect(residentBytesIn('Name:\tnode\nVmRSS:\t    2048 kB\nThreads:\t11\n')).toBe(2_097_152)
  expect(residentBytesIn('Name:\tkthreadd\n')).toBe(0)
})

test('Only what was spent in between counts, of servers and of the generator each for itself.', () => {
  const clock = new VirtualClock()
  const costs = new Map<number, ProcessCost>([
    [1, { cpuSeconds: 10, residentBytes: 100 }],
    [2, { cpuSeconds: 20, residentBytes: 200 }],
  ])
  let own = 5
  const meter = new Meter({
    clock,
    pids: () => [...costs.keys()],
    cost: pid => costs.get(pid) ?? null,
    ownCpuSeconds: () => own,
  })
  meter.start()
  clock.advance(500)
  costs.set(1, { cpuSeconds: 12, residentBytes: 900 })
  clock.advance(500)
  // The second is killed, a third takes its place.
  costs.delete(2)
  costs.set(1, { cpuSeconds: 12.5, residentBytes: 100 })
  costs.set(3, { cpuSeconds: 0.75, residentBytes: 50 })
  clock.advance(1_000)
  own = 6
  expect(meter.stop()).toEqual({
    cpuSeconds: 3.25,
    maxRssBytes: 1_100,
    generatorCpuSeconds: 1,
    elapsedMs: 2_000,
  })
})
