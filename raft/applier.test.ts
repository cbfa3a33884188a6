// Entries on their way into a state machine that has no room for a while.

import { describe, expect, test } from 'vitest'
import type { Clock } from '../platform/clock.js'
import { RaftsmanError } from '../platform/errors.js'
import { Applier } from './applier.js'
import type { Entry, LogIndex } from './core/types.js'
import { logIndex, nodeId, term } from './core/types.js'
import { type StateMachine, unfinished } from './state-machine.js'

const entry = (index: number, bytes = 0): Entry => ({
  term: term(1),
  index: logIndex(index),
  kind: 'normal',
  origin: nodeId(1),
  sequence: index,
  data: new Uint8Array(bytes),
})

class Machine implements StateMachine {
  appliedIndex: LogIndex = logIndex(0)
  readonly durableIndex = logIndex(0)
  refusal: Error | null = null
  published = 0
  /** Turns that entry 2 still takes. */
  turns = 0
  beforeApply = () => {}
  apply(next: Entry): unknown {
    if (this.refusal !== null && next.index > 2) throw this.refusal
    this.beforeApply()
    if (next.index === 2 && this.turns > 0) {
      this.turns -= 1
      return unfinished
    }
    this.appliedIndex = next.index
    return `result ${next.index}`
  }
  applied(): void {
    this.published += 1
  }
  makeDurable(): void {}
  openSnapshot(): void {}
  beginRestore(): void {}
}

function setUp() {
  const time = { nowMs: 0 }
  const clock: Clock = {
    monotonicMs: () => time.nowMs,
    wallMs: () => time.nowMs,
    setTimer: () => ({ cancel() {} }),
    setTicker: () => ({ cancel() {} }),
    defer() {},
  }
  const machine = new Machine()
  const results: unknown[] = []
  const applier = new Applier(clock, machine, nodeId(1), (_sequence, result) =>
    results.push(result),
  )
  applier.add([entry(1), entry(2), entry(3), entry(4)])
  return { time, machine, results, applier }
}

describe('a run of entries', () => {
  const run = (bytes: number) => {
    const { time, machine, applier } = setUp()
    machine.beforeApply = () => {
      time.nowMs += 3
    }
    applier.slice(() => {})
    applier.add(Array.from({ length: 200 }, (_, at) => entry(at + 5, bytes)))
    const before = machine.appliedIndex
    applier.slice(() => {})
    return machine.appliedIndex - before
  }

  test('is left after some milliseconds, for others to have their turn', () => {
    expect(run(0)).toBe(64)
  })

  test('is left at once where entries are so long that each takes its time', () => {
    expect(run(20_000)).toBe(2)
  })
})

test('an entry that takes several turns is applied once it is finished, and holds nobody meanwhile', () => {
  const { machine, results, applier } = setUp()
  machine.turns = 2
  const applied: number[] = []
  const turn = () => applier.slice(({ index }) => applied.push(index))
  expect(turn()).toBe(true)
  expect(applied).toEqual([1])
  expect(turn()).toBe(false)
  expect([applier.hasWork, applier.backlog]).toEqual([true, 3])
  expect(turn()).toBe(true)
  expect(applied).toEqual([1, 2, 3, 4])
  expect(results).toEqual(['result 1', 'result 2', 'result 3', 'result 4'])
})

describe('a machine that has no room', () => {
  const full = (retryable: boolean) =>
    new RaftsmanError('full', { code: 'back-pressure', retryable, outcome: 'not-applied' })

  test('keeps what it has, is left alone for a second, and goes on where it stopped', () => {
    const { time, machine, results, applier } = setUp()
    machine.refusal = full(true)
    expect(applier.slice(() => {})).toBe(true)
    expect([machine.appliedIndex, applier.backlog, machine.published]).toEqual([2, 2, 1])
    machine.refusal = null
    time.nowMs = 999
    expect([applier.hasWork, applier.slice(() => {})]).toEqual([false, false])
    time.nowMs = 1000
    expect([applier.hasWork, applier.slice(() => {})]).toEqual([true, true])
    expect(results).toEqual(['result 1', 'result 2', 'result 3', 'result 4'])
    expect(applier.backlog).toBe(0)
  })

  test('publishes nothing when nothing was applied', () => {
    const { time, machine, applier } = setUp()
    machine.refusal = full(true)
    applier.slice(() => {})
    time.nowMs = 5000
    expect(applier.slice(() => {})).toBe(false)
    expect(machine.published).toBe(1)
  })

  test.each([
    ['an error that no retry mends', full(false)],
    ['a broken invariant', new Error('broken')],
  ])('does not hide %s', (_what, error) => {
    const { machine, applier } = setUp()
    machine.refusal = error
    expect(() => applier.slice(() => {})).toThrow(error)
  })
})
