import { expect, test } from 'vitest'
import { settle, VirtualClock } from '../../platform/testing/virtual-clock.js'
import { runWorkers, WorkQueue } from './work-queue.js'

function setUp() {
  const clock = new VirtualClock()
  return { clock, queue: new WorkQueue({ clock, retryFirstMs: 5, retryMaxMs: 40 }) }
}

test('a key that is added twice is taken once', () => {
  const { queue } = setUp()
  queue.add('a')
  queue.add('b')
  queue.add('a')
  expect([queue.take(), queue.take(), queue.take()]).toEqual(['a', 'b', null])
})

test('a key that is added while it is worked on comes back after it is done, and only once', () => {
  const { queue } = setUp()
  queue.add('a')
  expect(queue.take()).toBe('a')
  queue.add('a')
  queue.add('a')
  expect(queue.take()).toBeNull()
  queue.done('a')
  expect(queue.take()).toBe('a')
  queue.done('a')
  expect(queue.take()).toBeNull()
  expect(queue.idle).toBe(true)
})

test('a delayed key comes when its time has come, at the soonest of several delays', async () => {
  const { queue, clock } = setUp()
  queue.addAfter('a', 100)
  queue.addAfter('a', 50)
  queue.addAfter('a', 200)
  await clock.pass(49)
  expect(queue.take()).toBeNull()
  await clock.pass(1)
  expect(queue.take()).toBe('a')
  queue.done('a')
  await clock.pass(1000)
  expect(queue.take()).toBeNull()
})

test('a delay of months wakes after a day, and is never lost to the limits of a timer', async () => {
  const { queue, clock } = setUp()
  const dayMs = 24 * 3600 * 1000
  queue.addAfter('a', 60 * dayMs)
  await clock.pass(dayMs - 1)
  expect(queue.take()).toBeNull()
  await clock.pass(1)
  expect(queue.take()).toBe('a')
})

test('failures of one key wait twice as long each time, up to the limit, and not those of others', async () => {
  const { queue, clock } = setUp()
  const waits: number[] = []
  for (let failure = 0; failure < 6; failure++) {
    const fromMs = clock.monotonicMs()
    queue.addRateLimited('a')
    while (queue.length === 0) await clock.pass(1)
    waits.push(clock.monotonicMs() - fromMs)
    expect(queue.take()).toBe('a')
    queue.done('a')
  }
  expect(waits).toEqual([5, 10, 20, 40, 40, 40])
  queue.addRateLimited('b')
  await clock.pass(5)
  expect(queue.take()).toBe('b')
  queue.forget('a')
  queue.addRateLimited('a')
  await clock.pass(5)
  expect(queue.take()).toBe('a')
})

test('a stopped queue takes nothing more and holds no timers', async () => {
  const { queue, clock } = setUp()
  queue.add('a')
  queue.addAfter('b', 10)
  queue.stop()
  queue.add('c')
  await clock.pass(100)
  expect(queue.take()).toBeNull()
  expect(clock.pending).toBe(0)
})

test('workers never hold one key twice, hold no more keys than they are, and repeat failures', async () => {
  const { queue, clock } = setUp()
  const running = new Set<string>()
  const runs = new Map<string, number>()
  const errors: string[] = []
  let most = 0
  const release: (() => void)[] = []
  runWorkers(queue, 2, {
    work: async key => {
      expect(running.has(key)).toBe(false)
      running.add(key)
      most = Math.max(most, running.size)
      await new Promise<void>(resolve => release.push(resolve))
      running.delete(key)
      const run = (runs.get(key) ?? 0) + 1
      runs.set(key, run)
      if (key === 'c' && run === 1) throw new Error('once')
    },
    onError: key => errors.push(key),
  })
  for (const key of ['a', 'b', 'c', 'a']) queue.add(key)
  for (let turn = 0; turn < 20; turn++) {
    release.shift()?.()
    await settle()
    await clock.pass(5)
  }
  expect(most).toBe(2)
  expect(errors).toEqual(['c'])
  expect(Object.fromEntries(runs)).toEqual({ a: 2, b: 1, c: 2 })
  expect(queue.failuresOf('c')).toBe(0)
})
