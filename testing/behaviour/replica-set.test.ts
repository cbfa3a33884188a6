// What users of ReplicaSets and ReplicationControllers rely on, each by its name.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../orchestrator/api/object.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import {
  events,
  pods,
  replicaSets,
  replicationControllers,
  type Resource,
} from '../../orchestrator/client/resources.js'
import { isActive, isReady, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

/** What the two have in common. */
interface Replicated extends KubeObject {
  readonly status?: {
    readonly replicas?: number
    readonly readyReplicas?: number
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly reason?: string
    }[]
  }
}

interface ReplicatedKind {
  readonly kind: string
  readonly apiVersion: string
  readonly resource: Resource<Replicated>
  readonly selector: string
}

const kinds: readonly ReplicatedKind[] = [
  {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    resource: replicaSets,
    selector: '{matchLabels: {app: web}}',
  },
  {
    kind: 'ReplicationController',
    apiVersion: 'v1',
    resource: replicationControllers,
    selector: '{app: web}',
  },
]

const pod = (name: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: web, image: "web:1"}]
  ${more}
`

describe.each(kinds)('$kind', ({ kind, apiVersion, resource, selector }) => {
  const set = (replicas: number, more = '') => `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: ${selector}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "web:1"}]
      ${more}
`
  const scaleTo = (replicas: number) => place.patch(resource, 'web', { spec: { replicas } })
  const ownerOf = ({ metadata }: Pod) => metadata.ownerReferences?.[0]
  const active = async () => (await place.list(pods)).filter(isActive)
  const untilActive = (count: number) =>
    place.untilAll(pods, all => all.filter(isActive).length === count && all.every(isReady))

  test('adopt by uid: a pod without an owner that is selected counts', async () => {
    place = await scene.place()
    await place.create(pod('stray'))
    const made = await place.create(set(2))
    await untilActive(2)
    const stray = await place.get(pods, 'stray')
    expect(ownerOf(stray)).toMatchObject({
      kind,
      name: 'web',
      uid: made.metadata.uid,
      controller: true,
      blockOwnerDeletion: true,
    })
  })

  test('release by uid: a pod that is selected no more is let go, and another one made', async () => {
    place = await scene.place()
    await place.create(set(2))
    const [first] = await untilActive(2)
    const name = first?.metadata.name ?? ''
    await place.patch(pods, name, { metadata: { labels: { app: 'elsewhere' } } })
    await place.untilAll(pods, all => all.filter(isActive).length === 3)
    expect(ownerOf(await place.get(pods, name))).toBeUndefined()
  })

  test('a pod of another owner is left alone', async () => {
    place = await scene.place()
    await place.create(`
apiVersion: v1
kind: Pod
metadata:
  name: taken
  labels: {app: web}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: another, controller: true}
spec:
  containers: [{name: web, image: "web:1"}]
`)
    await place.create(set(1))
    await place.untilAll(pods, all => all.some(one => ownerOf(one)?.uid !== 'another'))
    const status = await place.until(resource, 'web', one => one.status?.readyReplicas === 1)
    expect(status.status?.replicas).toBe(1)
  })

  test('slow-start batches: where pods are refused one is tried at a time', async () => {
    place = await scene.place()
    await place.create(`
apiVersion: v1
kind: ResourceQuota
metadata: {name: none}
spec: {hard: {pods: "0"}}
`)
    await place.create(set(50))
    const failing = await place.until(resource, 'web', ({ status }) =>
      (status?.conditions ?? []).some(({ type }) => type === 'ReplicaFailure'),
    )
    expect(failing.status?.conditions?.[0]).toMatchObject({
      status: 'True',
      reason: 'FailedCreate',
    })
    const refused = (await place.list(events)).filter(({ reason }) => reason === 'FailedCreate')
    const tries = refused.reduce((sum, { count = 1 }) => sum + count, 0)
    expect(tries).toBeGreaterThan(0)
    // Not fifty: each round of its own, with pauses that double.
    expect(tries).toBeLessThan(10)
  })

  test('deletion ranking: a pod that has no node goes first, then one that is not ready', async () => {
    place = await scene.place()
    await place.create(pod('lost', 'nodeSelector: {nowhere: "yes"}'))
    await place.create(set(3))
    await place.untilAll(pods, all => all.filter(isReady).length === 2)
    await scaleTo(2)
    await untilActive(2)
    expect(namesOf(await active())).not.toContain('lost')
  })

  test('deletion ranking: of ready ones those go first that share their node with more', async () => {
    place = await scene.place()
    await place.create(set(0))
    for (const [name, node] of [
      ['a-1', 'a'],
      ['a-2', 'a'],
      ['a-3', 'a'],
      ['b-1', 'b'],
    ] as const)
      await place.create(pod(name, `nodeName: ${node}`))
    await scaleTo(4)
    await untilActive(4)
    await place.untilAll(pods, all => all.every(one => ownerOf(one)?.kind === kind))
    await scaleTo(2)
    await untilActive(2)
    expect(namesOf(await active())).toContain('b-1')
  })

  test('pod-deletion-cost: of pods that are alike the cheapest goes', async () => {
    place = await scene.place()
    await place.create(set(4))
    const all = await untilActive(4)
    for (const [at, one] of all.entries()) {
      const cost = String(at === 2 ? -10 : at)
      await place.patch(pods, one.metadata.name ?? '', {
        metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } },
      })
    }
    const cheapest = [all[2], all[0]].map(one => one?.metadata.name)
    await scaleTo(2)
    await untilActive(2)
    const left = namesOf(await active())
    expect(cheapest.filter(name => left.includes(name ?? ''))).toEqual([])
  })
})
