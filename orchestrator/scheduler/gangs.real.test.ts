// Gangs through a real API server: all of one get nodes, or none does.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.js'
import type { Pod } from '../api/types/core-pod.js'
import { pods, type Resource } from '../client/resources.js'
import {
  eventually,
  type FakeKubelet,
  startFakeKubelet,
} from '../controllers/testing/fake-kubelet.js'
import {
  type ControlPlaneForTests,
  startControlPlane,
} from '../controllers/testing/running-controllers.js'

const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}
const podGroups: Resource = {
  group: 'scheduling.x-k8s.io',
  version: 'v1alpha1',
  kind: 'PodGroup',
  plural: 'podgroups',
  namespaced: true,
}
const namespace = 'default'

let plane: ControlPlaneForTests
let third: FakeKubelet | undefined

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
})

afterAll(async () => {
  third?.crash()
  await plane?.stop()
})

async function member(
  group: string,
  at: number,
  cpu: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  const labels = { 'scheduling.x-k8s.io/pod-group': group }
  await plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: `${group}-${at}`, labels, annotations },
    spec: { containers: [{ name: 'c', image: 'hello:1', resources: { requests: { cpu } } }] },
  })
}

const membersOf = (group: string) => async () => {
  const labelSelector = `scheduling.x-k8s.io/pod-group=${group}`
  return (await plane.client.list(pods, { namespace, labelSelector })).items
}
const placed = (pod: Pod) => (pod.spec.nodeName ?? '') !== ''
const told = (pod: Pod, text: string) =>
  (pod.status?.conditions ?? []).some(({ message = '' }) => message.includes(text))

test('a gang waits for all of its pods, then for room for all of them', async () => {
  const three = { 'scheduling.x-k8s.io/min-member': '3' }
  await member('train', 0, '3', three)
  await member('train', 1, '3', three)
  await eventually(membersOf('train'), found =>
    found.every(pod => told(pod, 'current pods number: 2, minMember of group: 3')),
  )
  // Two would fit.
  await member('train', 2, '3', three)
  await eventually(membersOf('train'), found =>
    found.some(pod => told(pod, '0/2 nodes are available: 2 Insufficient cpu.')),
  )
  await eventually(membersOf('train'), found =>
    found.some(pod => told(pod, 'rejected while waiting for its gang')),
  )
  expect((await membersOf('train')()).some(placed)).toBe(false)
  third = await startFakeKubelet(plane.client, 'n3')
  const all = await eventually(membersOf('train'), found => found.every(placed), 30_000)
  expect(new Set(all.map(({ spec }) => spec.nodeName)).size).toBe(3)
})

test('a PodGroup says how many there must be', async () => {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'podgroups.scheduling.x-k8s.io' },
    spec: {
      group: 'scheduling.x-k8s.io',
      scope: 'Namespaced',
      names: {
        plural: 'podgroups',
        singular: 'podgroup',
        kind: 'PodGroup',
        listKind: 'PodGroupList',
      },
      versions: [
        { name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: schema } },
      ],
    },
  } satisfies KubeObject & { readonly spec: object }
  await plane.client.create(definitions, crd)
  const group = {
    apiVersion: 'scheduling.x-k8s.io/v1alpha1',
    kind: 'PodGroup',
    metadata: { namespace, name: 'pair' },
    spec: { minMember: 2, scheduleTimeoutSeconds: 30 },
  }
  await eventually(
    () => plane.client.create(podGroups, group),
    ({ metadata }) => metadata.name === 'pair',
  )
  await member('pair', 0, '100m')
  await eventually(membersOf('pair'), found =>
    found.every(pod => told(pod, 'current pods number: 1, minMember of group: 2')),
  )
  await member('pair', 1, '100m')
  await eventually(membersOf('pair'), found => found.length === 2 && found.every(placed))
})
