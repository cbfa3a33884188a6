import { expect, test } from 'vitest'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import type { Pod } from '../../api/types/core-pod.js'
import {
  type ClusterEvent,
  nodeAdded,
  nodeEvents,
  podAssigned,
  podFreed,
} from '../core/cluster-event.js'
import type { PluginName } from '../core/plugin.js'
import { prioritySort, schedulingGates } from '../core/plugins/gates-and-order.js'
import { defaultProfile } from '../core/profile.js'
import { node, type NodeShape, pod } from '../testing/objects.js'
import { deadlineOf, hintsOf, SchedulingQueue } from './scheduling-queue.js'

const mayHelp = hintsOf(() => defaultProfile.plugins)

function setUp() {
  const clock = new VirtualClock()
  const queue = new SchedulingQueue({
    clock,
    onReady: () => {},
    queueSort: prioritySort.queueSort ?? (() => 0),
    mayHelp,
    preEnqueue: one => schedulingGates.preEnqueue?.(one) ?? null,
    deadlineOf,
  })
  const take = () => queue.take()?.metadata.name ?? null
  return { clock, queue, take }
}

const nodeChanged = (to: NodeShape, from: NodeShape = {}): ClusterEvent => {
  const [event] = nodeEvents(node('n', to), node('n', from))
  if (!event) throw new Error('nothing has changed')
  return event
}
const uid = (name: string) => `uid-${name}`
const resources = new Set<PluginName>(['NodeResourcesFit'])

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
  queue.notify(nodeChanged({ labels: { disk: 'ssd' } }))
  queue.notify(nodeChanged({ unschedulable: true }))
  expect(take()).toBeNull()
  queue.notify(podFreed(pod('q', { cpu: '1' })))
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
    queue.notify(nodeAdded(node('n')))
    queue.notify(nodeAdded(node('n')))
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
  await clock.pass(30_001)
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

test('what happened while a pod was being placed is not lost', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p', { cpu: '1' }), false)
  take()
  queue.notify(podFreed(pod('q', { cpu: '1' })))
  queue.reject(uid('p'), resources)
  expect(queue.lengths).toMatchObject({ backoff: 1, unschedulable: 0 })
  await clock.pass(1000)
  expect(take()).toBe('p')
  queue.notify(podAssigned(pod('q', { cpu: '1' })))
  queue.reject(uid('p'), resources)
  expect(queue.lengths).toMatchObject({ backoff: 0, unschedulable: 1 })
})

test('a pod that somebody without hints turned away is tried again on whatever happens', async () => {
  const { queue, take, clock } = setUp()
  queue.addOrUpdate(pod('p'), false)
  take()
  queue.reject(uid('p'), new Set<PluginName>(['DefaultPreemption']))
  queue.notify(nodeChanged({ labels: { disk: 'ssd' } }))
  await clock.pass(1000)
  expect(take()).toBe('p')
})

test('a gated pod waits apart until its gates are gone', () => {
  const { queue, take } = setUp()
  queue.addOrUpdate(pod('p', { schedulingGates: [{ name: 'quota' }] }), false)
  queue.notify(nodeAdded(node('n')))
  expect([take(), queue.lengths.gated]).toEqual([null, 1])
  queue.addOrUpdate(pod('p'), true)
  expect([take(), queue.lengths.gated]).toEqual(['p', 0])
})

test('within a priority the earliest deadline goes first', () => {
  const { queue, take } = setUp()
  const due = (name: string, deadline: string, priority = 0): Pod => {
    const one = pod(name, { priority })
    const annotations = { 'raftsman.dev/deadline': deadline }
    return { ...one, metadata: { ...one.metadata, annotations } }
  }
  queue.addOrUpdate(pod('whenever'), false)
  queue.addOrUpdate(due('late', '2026-01-02T00:00:00Z'), false)
  queue.addOrUpdate(due('soon', '2026-01-01T00:00:00Z'), false)
  queue.addOrUpdate(due('nonsense', 'tomorrow'), false)
  queue.addOrUpdate(due('important', '2027-01-01T00:00:00Z', 1), false)
  const order = Array.from({ length: 5 }, take)
  expect(order).toEqual(['important', 'soon', 'late', 'whenever', 'nonsense'])
})

test('pods of a gang stand side by side', async () => {
  const { queue, take, clock } = setUp()
  const member = (name: string) => pod(name, { labels: { 'scheduling.x-k8s.io/pod-group': 'g' } })
  queue.addOrUpdate(member('g1'), false)
  await clock.pass(10)
  queue.addOrUpdate(pod('other'), false)
  await clock.pass(10)
  queue.addOrUpdate(member('g2'), false)
  expect(Array.from({ length: 3 }, take)).toEqual(['g1', 'g2', 'other'])
})

const spread = {
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
  ],
}
const nearDb = {
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'db' } } },
      ],
    },
  },
}
const gpu = { taints: [{ key: 'gpu', effect: 'NoSchedule' }] }
const small = { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } }

const hints: readonly [string, ClusterEvent, PluginName, Pod, boolean][] = [
  ['a node', nodeAdded(node('n')), 'NodeResourcesFit', pod('p', { cpu: '1' }), true],
  [
    'too small a node',
    nodeAdded(node('n', small)),
    'NodeResourcesFit',
    pod('p', { cpu: '2' }),
    false,
  ],
  ['a pod that leaves', podFreed(pod('q', { cpu: '1' })), 'NodeResourcesFit', pod('p'), true],
  ['a node that grows', nodeChanged({}, small), 'NodeResourcesFit', pod('p', { cpu: '2' }), true],
  ['a pod that comes', podAssigned(pod('q')), 'NodeResourcesFit', pod('p'), false],
  ['a taint that goes', nodeChanged({}, gpu), 'TaintToleration', pod('p'), true],
  ['a taint that comes', nodeChanged(gpu), 'TaintToleration', pod('p'), false],
  ['a pod that leaves', podFreed(pod('q')), 'TaintToleration', pod('p'), false],
  [
    'the label',
    nodeChanged({ labels: { disk: 'ssd' } }),
    'NodeAffinity',
    pod('p', { nodeSelector: { disk: 'ssd' } }),
    true,
  ],
  [
    'another label',
    nodeChanged({ labels: { disk: 'hdd' } }),
    'NodeAffinity',
    pod('p', { nodeSelector: { disk: 'ssd' } }),
    false,
  ],
  ['uncordoning', nodeChanged({}, { unschedulable: true }), 'NodeUnschedulable', pod('p'), true],
  ['cordoning', nodeChanged({ unschedulable: true }), 'NodeUnschedulable', pod('p'), false],
  ['the port', podFreed(pod('q', { hostPort: 80 })), 'NodePorts', pod('p', { hostPort: 80 }), true],
  ['a port', podFreed(pod('q', { hostPort: 81 })), 'NodePorts', pod('p', { hostPort: 80 }), false],
  [
    'one it wants near',
    podAssigned(pod('q', { labels: { app: 'db' } })),
    'InterPodAffinity',
    pod('p', nearDb),
    true,
  ],
  ['one it does not', podAssigned(pod('q')), 'InterPodAffinity', pod('p', nearDb), false],
  ['one of its namespace', podAssigned(pod('q')), 'PodTopologySpread', pod('p', spread), true],
]
for (const [what, event, plugin, one, helps] of hints) {
  test(`${plugin}: ${what} ${helps ? 'may help' : 'cannot help'}`, () => {
    expect(mayHelp(event, one, new Set([plugin]))).toBe(helps)
  })
}
