import { expect, test } from 'vitest'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Pod } from '../api/types/core-pod.js'
import { Deadlines } from './deadlines.js'
import { pod } from './testing/objects.js'

function setUp() {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1))
  const said: string[] = []
  const deadlines = new Deadlines(clock, {
    record: (_about, type, reason) => said.push(`${type} ${reason}`),
  })
  return { clock, said, deadlines }
}

function due(deadline: string): Pod {
  const one = pod('p')
  const annotations = { 'raftsman.dev/deadline': deadline }
  return { ...one, metadata: { ...one.metadata, annotations } }
}
const missed = 'Warning DeadlineMissed'
const hopeless = 'Warning DeadlineCannotBeMet'

test('a pod without a node at its deadline is told of once', async () => {
  const { clock, said, deadlines } = setUp()
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  await clock.pass(9_999)
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  expect(said).toEqual([])
  await clock.pass(1)
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  await clock.pass(60_000)
  expect(said).toEqual([missed])
})

test('one that has a node in time is not', async () => {
  const { clock, said, deadlines } = setUp()
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  deadlines.end('uid-p')
  await clock.pass(60_000)
  expect([said, clock.pending]).toEqual([[], 0])
})

test('that it cannot be met is said once, when no attempt is left before it', () => {
  const { said, deadlines } = setUp()
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  deadlines.failed('uid-p', 10_000)
  expect(said).toEqual([])
  deadlines.failed('uid-p', 10_001)
  deadlines.failed('uid-p', 20_000)
  expect(said).toEqual([hopeless])
})

test('a deadline that is put off counts anew', async () => {
  const { clock, said, deadlines } = setUp()
  deadlines.watch(due('2026-01-01T00:00:10Z'))
  deadlines.watch(due('2026-01-01T00:01:00Z'))
  await clock.pass(59_999)
  expect(said).toEqual([])
  await clock.pass(1)
  expect(said).toEqual([missed])
})

test('a pod without a deadline is nobody’s concern', async () => {
  const { clock, said, deadlines } = setUp()
  deadlines.watch(pod('p'))
  deadlines.watch(due('soon'))
  deadlines.failed('uid-p', 1e9)
  await clock.pass(1e9)
  expect(said).toEqual([])
})
