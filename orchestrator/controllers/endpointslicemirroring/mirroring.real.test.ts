// Endpoints that somebody writes, through a real API server: slices follow them, and go with them.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { endpointSlices, endpoints, services } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane([])
})

afterAll(async () => {
  await plane?.stop()
})

const at = { namespace: 'default', name: 'outside' }
const labelSelector = 'kubernetes.io/service-name=outside'
const slices = async () =>
  (await plane.client.list(endpointSlices, { namespace: 'default', labelSelector })).items
const shown = async () =>
  (await slices()).flatMap(slice => slice.endpoints ?? []).flatMap(({ addresses }) => addresses)
const write = (addresses: readonly string[]) =>
  plane.client.patch(endpoints, at, 'merge', {
    subsets: [{ addresses: addresses.map(ip => ({ ip })), ports: [{ port: 5432 }] }],
  })

test('a Service without a selector leads where its Endpoints say, as long as they say so', async () => {
  const { client } = plane
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: at,
    spec: { ports: [{ port: 5432 }] },
  })
  const subsets = [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 5432 }] }]
  await client.create(endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: at, subsets })
  const [first] = await eventually(slices, found => found.length === 1)
  expect(first).toMatchObject({
    addressType: 'IPv4',
    ports: [{ port: 5432, protocol: 'TCP' }],
    endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
  })
  await write(['10.1.2.3', '10.1.2.4'])
  await eventually(shown, all => all.length === 2)
  expect((await slices()).map(({ metadata }) => metadata.name)).toEqual([first?.metadata.name])
  // Whoever changes or deletes a slice of ours gets it back.
  const name = first?.metadata.name ?? ''
  await client.delete(endpointSlices, { namespace: 'default', name })
  await eventually(shown, all => all.length === 2)
  const skip = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }
  await client.patch(endpoints, at, 'merge', skip)
  await eventually(slices, found => found.length === 0)
  const again = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': null } } }
  await client.patch(endpoints, at, 'merge', again)
  await eventually(shown, all => all.length === 2)
  await client.delete(endpoints, at)
  await eventually(slices, found => found.length === 0)
})
