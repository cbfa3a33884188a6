// The scheduler through a real API server: what it writes, and what users read of it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../api/types/core-pod.js'
import type { PriorityClass } from '../api/types/scheduling.js'
import {
  events,
  namespaces,
  podDisruptionBudgets,
  pods,
  replicaSets,
  type Resource,
} from '../client/resources.js'
import { eventually, startFakeKubelet } from '../controllers/testing/fake-kubelet.js'
import {
  type ControlPlaneForTests,
  startControlPlane,
} from '../controllers/testing/running-controllers.js'
import { type PodShape, pod as podOf } from './testing/objects.js'

const priorityClasses: Resource<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
}

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
  for (const [name, value] of [
    ['low', 1],
    ['high', 1000],
  ] as const) {
    await plane.client.create(priorityClasses, {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
    })
  }
})

afterAll(async () => {
  await plane?.stop()
})

async function namespace(name: string): Promise<string> {
  await plane.client.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  })
  return name
}

async function create(ns: string, name: string, shape: PodShape): Promise<Pod> {
  const { metadata, spec, ...rest } = podOf(name, shape)
  const { uid: _assigned, ...own } = metadata
  const containers = spec.containers.map(one => ({ ...one, image: 'hello:1' }))
  return plane.client.create(pods, {
    ...rest,
    metadata: { ...own, namespace: ns },
    spec: { ...spec, containers },
  })
}

const read = (ns: string, name: string) => () => plane.client.get(pods, { namespace: ns, name })
const placed = (pod: Pod) => (pod.spec.nodeName ?? '') !== ''
const podsIn = (ns: string) => async () => (await plane.client.list(pods, { namespace: ns })).items

async function eventsOf(ns: string, reason: string) {
  const { items } = await plane.client.list(events, { namespace: ns })
  return items.filter(event => event.reason === reason)
}

test('a pod is bound, and its event says where', async () => {
  const ns = await namespace('bound')
  await create(ns, 'p', { cpu: '100m' })
  const pod = await eventually(read(ns, 'p'), placed)
  const [event] = await eventually(
    () => eventsOf(ns, 'Scheduled'),
    found => found.length === 1,
  )
  expect(event?.message).toBe(`Successfully assigned bound/p to ${pod.spec.nodeName}`)
  expect(pod.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
  )
})

test('a gated pod waits until its gates are taken away', async () => {
  const ns = await namespace('gated')
  await create(ns, 'p', { schedulingGates: [{ name: 'example.com/quota' }] })
  await create(ns, 'later', {})
  await eventually(read(ns, 'later'), placed)
  const waiting = await read(ns, 'p')()
  expect(placed(waiting)).toBe(false)
  const spec = { schedulingGates: null }
  await plane.client.patch(pods, { namespace: ns, name: 'p' }, 'merge', { spec })
  await eventually(read(ns, 'p'), placed)
})

test('a pod of higher priority takes the room of one that no budget guards, and says whose', async () => {
  const ns = await namespace('crowded')
  const labels = { app: 'guarded' }
  await plane.client.create(podDisruptionBudgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace: ns, name: 'guarded' },
    spec: { minAvailable: 1, selector: { matchLabels: labels } },
  })
  // One for each node: only one of them may go.
  await plane.client.create(replicaSets, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace: ns, name: 'guarded' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          priorityClassName: 'low',
          containers: [{ name: 'c', image: 'hello:1', resources: { requests: { cpu: '3' } } }],
        },
      },
    },
  })
  await eventually(podsIn(ns), found => found.length === 1 && found.every(placed))
  await create(ns, 'free', { cpu: '3', priorityClassName: 'low' })
  const free = await eventually(read(ns, 'free'), placed)
  const budget = { namespace: ns, name: 'guarded' }
  await eventually(
    () => plane.client.get(podDisruptionBudgets, budget),
    ({ status }) => status?.currentHealthy === 1 && status.disruptionsAllowed === 0,
  )

  await create(ns, 'urgent', { cpu: '3', priorityClassName: 'high' })
  const urgent = await eventually(read(ns, 'urgent'), placed)
  expect(urgent.spec.nodeName).toBe(free.spec.nodeName)
  expect(urgent.status?.nominatedNodeName).toBe(free.spec.nodeName)
  const left = await podsIn(ns)()
  const names = left.map(({ metadata }) => metadata.labels?.['app'] ?? metadata.name)
  expect(new Set(names)).toEqual(new Set(['guarded', 'urgent']))
  const [event] = await eventually(
    () => eventsOf(ns, 'Preempted'),
    found => found.length > 0,
  )
  expect(event?.message).toBe(
    `Preempted by pod ${urgent.metadata.uid} on node ${free.spec.nodeName}`,
  )
  expect(event?.involvedObject.name).toBe('free')
})

test('the victim is told why before it goes', async () => {
  const ns = await namespace('told')
  const kubelet = await startFakeKubelet(plane.client, 'n3')
  const there = { nodeSelector: { 'kubernetes.io/hostname': 'n3' }, cpu: '4' }
  await create(ns, 'big', { ...there, priorityClassName: 'low' })
  await eventually(read(ns, 'big'), placed)
  kubelet.crash()
  await create(ns, 'urgent', { ...there, priorityClassName: 'high' })
  // Nobody runs there any more who could let it go: it stays as it was left.
  const victim = await eventually(
    read(ns, 'big'),
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  )
  expect(victim.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    }),
  )
  const waiting = await eventually(
    read(ns, 'urgent'),
    ({ status }) => status?.nominatedNodeName === 'n3',
  )
  expect(placed(waiting)).toBe(false)
})
