import { expect, test } from 'vitest'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { FilterName } from './filters/filter.js'
import { type ClusterEvent, mayHelp } from './queueing-hints.js'
import { SchedulingQueue } from './scheduling-queue.js'
import { pod } from './testing/objects.js'

function setUp() {
  const clock = new VirtualClock()
  const queue = new SchedulingQueue({ clock, onReady: () => {} })
  const take = () => queue.take()?.metadata.name ?? null
  return { clock, queue, take }
}
const uid = (name: string) => `uid-${name}`
const resources = new Set<FilterName>(['NodeResourcesFit'])

test('the higher priority goes first, then the one that has waited longer', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('old'), false)
  await clock.pass(10)
  queue.addOrUpdate(pod('new'), false)
  queue.addOrUpdate(pod('urgent', { priority: 5 }), false)
  expect([take(), take(), take(), take()]).toEqual(['urgent', 'old', 'new', null])
})

test('an unschedulable pod waits for an event that can help it', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p'), false)
  take()
  queue.reject(uid('p'), resources)
  await clock.pass(20_000)
  queue.notify('node-labels')
  queue.notify('node-taints')
  expect(take()).toBeNull()
  queue.notify('pod-freed')
  expect(take()).toBe('p')
})

test('it backs off 1 s, doubling to 10 s, however many events come', async () => {
  const { queue, clock } = setUp()
  const waits: number[] = []
  queue.addOrUpdate(pod('p'), false)
  for (let attempt = 0; attempt < 6; attempt++) {
    expect(queue.take()).not.toBeNull()
    queue.reject(uid('p'), resources)
    const fromMs = clock.monotonicMs()
    queue.notify('node-added')
    queue.notify('node-added')
    while (queue.lengths.active === 0) await clock.pass(100)
    waits.push(clock.monotonicMs() - fromMs)
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000])
})

test('without any event it is tried again after five minutes', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p'), false)
  take()
  queue.reject(uid('p'), resources)
  await clock.pass(299_999)
  expect(take()).toBeNull()
  await clock.pass(1)
  expect(take()).toBe('p')
})

test('a bind that failed is tried again after the back-off', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p'), false)
  take()
  queue.retry(uid('p'))
  expect(take()).toBeNull()
  await clock.pass(1000)
  expect(take()).toBe('p')
})

test('a pod that changed what it asks for is tried again, one that only got a condition is not', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p', { cpu: '9' }), false)
  take()
  queue.reject(uid('p'), resources)
  await clock.pass(5000)
  queue.addOrUpdate(pod('p', { cpu: '9' }), false)
  expect(take()).toBeNull()
  const smaller = pod('p', { cpu: '1' })
  queue.addOrUpdate(smaller, true)
  expect(queue.take()).toBe(smaller)
})

test('a pod that is being placed is not placed twice', () => {
  const { queue, take } = setUp()
  queue.addOrUpdate(pod('p'), false)
  expect(take()).toBe('p')
  queue.addOrUpdate(pod('p'), true)
  expect(take()).toBeNull()
})

test('a removed pod is nowhere any more', async () => {
  const { queue, take, clock } = setUp()
  for (const name of ['active', 'backoff', 'waiting']) queue.addOrUpdate(pod(name), false)
  for (let n = 0; n < 3; n++) take()
  queue.retry(uid('backoff'))
  queue.reject(uid('waiting'), resources)
  for (const name of ['active', 'backoff', 'waiting']) queue.remove(uid(name))
  await clock.pass(600_000)
  expect(take()).toBeNull()
  expect(clock.pending).toBe(0)
})

const hints: readonly [ClusterEvent, FilterName, boolean][] = [
  ['node-added', 'NodeResourcesFit', true],
  ['pod-freed', 'NodeResourcesFit', true],
  ['node-allocatable', 'NodeResourcesFit', true],
  ['pod-assigned', 'NodeResourcesFit', false],
  ['node-taints', 'TaintToleration', true],
  ['pod-freed', 'TaintToleration', false],
  ['node-labels', 'NodeAffinity', true],
  ['node-taints', 'NodeUnschedulable', true],
  ['pod-freed', 'NodePorts', true],
  ['pod-assigned', 'InterPodAffinity', true],
  ['pod-assigned', 'PodTopologySpread', true],
]
for (const [event, filter, helps] of hints) {
  test(`${event} ${helps ? 'may help' : 'cannot help'} what ${filter} turned away`, () => {
    expect(mayHelp(event, new Set([filter]))).toBe(helps)
  })
}
