// What users of Endpoints and EndpointSlices rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Endpoint, EndpointSlice } from '../../orchestrator/api/types/discovery.js'
import {
  endpointSlices,
  endpoints,
  nodes,
  pods,
  replicaSets,
  services,
} from '../../orchestrator/client/resources.js'
import { namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

const gate = 'example.com/lets-in'

const service = (more = 'selector: {app: web}') => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: [{name: http, port: 80, targetPort: 8080}]
  ${more}
`
const pod = (name: string, spec = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 30
  ${spec}
  containers: [{name: web, image: "web:1"}]
`
const gated = `readinessGates: [{conditionType: ${gate}}]`

const slices = () => place.list(endpointSlices, 'kubernetes.io/service-name=web')
const all = (found: readonly EndpointSlice[]) => found.flatMap(one => one.endpoints ?? [])
const conditionsOf = (found: readonly EndpointSlice[], name: string) =>
  all(found).find(({ targetRef }) => targetRef?.name === name)?.conditions
const untilSlices = (holds: (found: readonly EndpointSlice[]) => boolean) =>
  place.untilAll(endpointSlices, holds, 'kubernetes.io/service-name=web')
const untilConditions = (name: string, wanted: Endpoint['conditions']) =>
  untilSlices(found => JSON.stringify(conditionsOf(found, name)) === JSON.stringify(wanted))

/** Whether somebody lets traffic in. */
async function open(name: string, status: 'True' | 'False'): Promise<void> {
  const conditions = [{ type: gate, status }]
  const { client } = scene.cluster
  const at = { namespace: place.namespace, name }
  await client.patch(pods, at, 'strategic', { status: { conditions } }, { subresource: 'status' })
}

test('ready: an endpoint is when its pod is, with its gates, and no more when it is not', async () => {
  place = await scene.place()
  await place.create(service())
  await place.create(pod('p', gated))
  await untilConditions('p', { ready: false, serving: false, terminating: false })
  await open('p', 'True')
  const [slice] = await untilConditions('p', { ready: true, serving: true, terminating: false })
  const { status, spec, metadata } = await place.get(pods, 'p')
  expect(slice).toMatchObject({
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    metadata: {
      labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
      ownerReferences: [{ kind: 'Service', name: 'web', controller: true }],
    },
  })
  expect(slice?.endpoints).toMatchObject([
    {
      addresses: [status?.podIP],
      nodeName: spec.nodeName,
      targetRef: { kind: 'Pod', name: 'p', uid: metadata.uid },
    },
  ])
  await open('p', 'False')
  await untilConditions('p', { ready: false, serving: false, terminating: false })
})

/** A pod of a node that has fallen silent: nobody ends it. */
async function leaving(node: string): Promise<void> {
  place = await scene.place()
  await scene.cluster.addNode(node)
  await place.create(service())
  await place.create(pod('p', `nodeName: ${node}`))
  await untilConditions('p', { ready: true, serving: true, terminating: false })
  scene.cluster.kubelets.get(node)?.stop()
  await place.delete(pods, 'p')
}

test('serving: one that leaves and still answers can be used where there is no other', async () => {
  await leaving('silent-1')
  await untilConditions('p', { ready: false, serving: true, terminating: true })
  // After forty seconds of silence nobody believes that it answers.
  await scene.cluster.pass(50_000)
  await untilConditions('p', { ready: false, serving: false, terminating: true })
  await scene.cluster.client.delete(nodes, { name: 'silent-1' })
})

test('terminating: one that leaves is listed so until it is gone, ready no more', async () => {
  await leaving('silent-2')
  await place.create(pod('q', gated))
  await untilConditions('q', { ready: false, serving: false, terminating: false })
  await untilConditions('p', { ready: false, serving: true, terminating: true })
  const { subsets } = await place.get(endpoints, 'web')
  expect(subsets?.[0]?.notReadyAddresses).toHaveLength(1)
  await place.delete(pods, 'p', { gracePeriodSeconds: 0 })
  await untilSlices(found => all(found).every(({ targetRef }) => targetRef?.name === 'q'))
  await scene.cluster.client.delete(nodes, { name: 'silent-2' })
})

test('100 a slice: the hundred and first begins another, and each pod is in one', async () => {
  place = await scene.place()
  await place.create(`
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 102
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "web:1"}]
`)
  await place.until(replicaSets, 'web', ({ status }) => status?.readyReplicas === 102)
  const sizesOf = (known: readonly EndpointSlice[]) =>
    known.map(one => one.endpoints?.length ?? 0).sort((a, b) => b - a)
  await place.create(service())
  const full = await untilSlices(known => all(known).length === 102)
  expect(sizesOf(full)).toEqual([100, 2])
  const listed = all(full).map(({ targetRef }) => targetRef?.name ?? '')
  expect(listed.sort()).toEqual(namesOf(await place.list(pods)))
  // New ones go where there is room.
  await place.patch(replicaSets, 'web', { spec: { replicas: 106 } })
  expect(sizesOf(await untilSlices(known => all(known).length === 106))).toEqual([100, 6])
})

test('headless: no cluster IP, and its pods are known by their host names', async () => {
  place = await scene.place()
  await place.create(service('clusterIP: None\n  selector: {app: web}'))
  await place.create(pod('p', 'hostname: first\n  subdomain: web'))
  const [slice] = await untilSlices(found => conditionsOf(found, 'p')?.ready === true)
  expect(slice?.metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' })
  expect(slice?.endpoints).toMatchObject([{ hostname: 'first' }])
  expect((await place.get(services, 'web')).spec?.clusterIP).toBe('None')
  const { metadata } = await place.get(endpoints, 'web')
  expect(metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' })
})

test('publishNotReadyAddresses: who is not ready is given out all the same', async () => {
  place = await scene.place()
  await place.create(service('publishNotReadyAddresses: true\n  selector: {app: web}'))
  await place.create(pod('p', gated))
  await untilConditions('p', { ready: true, serving: false, terminating: false })
  const { subsets } = await place.get(endpoints, 'web')
  expect(subsets?.[0]?.addresses).toHaveLength(1)
  expect(subsets?.[0]?.notReadyAddresses).toBeUndefined()
})

test('Endpoints: beside the slices, with those that are ready and those that are not', async () => {
  place = await scene.place()
  await place.create(service())
  await place.create(pod('in'))
  await place.create(pod('out', gated))
  const { subsets = [], metadata } = await place.until(
    endpoints,
    'web',
    found =>
      found.subsets?.[0]?.addresses?.length === 1 &&
      found.subsets[0].notReadyAddresses?.length === 1,
  )
  expect(subsets).toHaveLength(1)
  expect(subsets[0]).toMatchObject({
    addresses: [{ targetRef: { kind: 'Pod', name: 'in' } }],
    notReadyAddresses: [{ targetRef: { kind: 'Pod', name: 'out' } }],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  })
  expect(metadata.labels?.['endpoints.kubernetes.io/managed-by']).toBe('endpoint-controller')
  // No second set of slices is made of them.
  expect(await slices()).toHaveLength(1)
  await place.delete(services, 'web')
  await place.untilGone(endpoints, 'web')
  await untilSlices(found => found.length === 0)
})

test('mirroring: Endpoints that somebody writes become slices, as long as they stand', async () => {
  place = await scene.place()
  await place.create(service(''))
  await place.create(`
apiVersion: v1
kind: Endpoints
metadata: {name: web, labels: {by: hand}}
subsets:
- addresses: [{ip: 192.0.2.1}]
  notReadyAddresses: [{ip: 192.0.2.2}]
  ports: [{name: http, port: 9000}]
`)
  const [slice] = await untilSlices(found => all(found).length === 2)
  expect(slice).toMatchObject({
    metadata: {
      labels: {
        by: 'hand',
        'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
      },
    },
    endpoints: [
      { addresses: ['192.0.2.1'], conditions: { ready: true } },
      { addresses: ['192.0.2.2'], conditions: { ready: false } },
    ],
    ports: [{ name: 'http', port: 9000 }],
  })
  await place.patch(endpoints, 'web', { subsets: [{ addresses: [{ ip: '192.0.2.3' }] }] })
  await untilSlices(
    found => found.length === 1 && found[0]?.endpoints?.[0]?.addresses[0] === '192.0.2.3',
  )
  const skip = { 'endpointslice.kubernetes.io/skip-mirror': 'true' }
  await place.patch(endpoints, 'web', { metadata: { labels: skip } })
  await untilSlices(found => found.length === 0)
})
