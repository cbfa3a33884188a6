// ReplicationControllers are ReplicaSets of before: the same rules, seen through a real API server.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { pods, replicationControllers } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1'])
})

afterAll(() => plane?.stop())

const at = { namespace: 'default', name: 'old' }
const podsOf = async () => (await plane.client.list(pods, { namespace: 'default' })).items
const controller = () => plane.client.get(replicationControllers, at)

test('a ReplicationController makes its pods, adopts one, is scaled, and leaves with them', async () => {
  const { client } = plane
  const labels = { app: 'old' }
  const spec = { containers: [{ name: 'c', image: 'hello:1' }] }
  await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'stray', labels },
    spec,
  })
  await client.create(replicationControllers, {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: at,
    spec: { replicas: 3, selector: labels, template: { metadata: { labels }, spec } },
  })
  const up = await eventually(controller, ({ status }) => status?.readyReplicas === 3)
  expect(up.status).toMatchObject({ replicas: 3, fullyLabeledReplicas: 3, availableReplicas: 3 })
  const made = await podsOf()
  expect(made.map(({ metadata }) => metadata.ownerReferences?.[0])).toEqual(
    made.map(() =>
      expect.objectContaining({
        apiVersion: 'v1',
        kind: 'ReplicationController',
        uid: up.metadata.uid,
      }),
    ),
  )
  expect(made.map(({ metadata }) => metadata.name)).toContain('stray')
  await client.patch(replicationControllers, at, 'merge', { spec: { replicas: 1 } })
  await eventually(controller, ({ status }) => status?.replicas === 1)
  await eventually(podsOf, all => all.length === 1)
  // Unless told otherwise they leave their pods behind.
  await client.delete(replicationControllers, at, { propagationPolicy: 'Background' })
  await eventually(podsOf, all => all.length === 0)
})
