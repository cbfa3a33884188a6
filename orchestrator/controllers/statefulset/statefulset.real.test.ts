// StatefulSets through a real API server and scheduler, on nodes that run nothing.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatefulSet, StatefulSetSpec } from '../../api/types/apps-stateful-set.js'
import {
  controllerRevisions,
  namespaces,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
})

afterAll(() => plane?.stop())

async function create(
  namespace: string,
  replicas: number,
  spec: Partial<StatefulSetSpec> = {},
): Promise<void> {
  const { client } = plane
  await client.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  await client.create(statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name: 'db' },
    spec: {
      replicas,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { containers: [{ name: 'c', image: 'db:1' }] },
      },
      ...spec,
    },
  })
}

const at = (namespace: string) => ({ namespace, name: 'db' })
const podsOf = async (namespace: string) =>
  (await plane.client.list(pods, { namespace })).items.toSorted((a, b) =>
    String(a.metadata.name).localeCompare(String(b.metadata.name)),
  )
const patch = (namespace: string, spec: Parameters<typeof plane.client.patch>[3]) =>
  plane.client.patch(statefulSets, at(namespace), 'strategic', { spec })

/** As `kubectl rollout status` has it. */
function isRolledOut({ metadata, spec, status }: StatefulSet): boolean {
  const { replicas = 1 } = spec
  return (
    status?.observedGeneration === metadata.generation &&
    status?.readyReplicas === replicas &&
    status.replicas === replicas &&
    status.updatedReplicas === replicas &&
    status.currentRevision === status.updateRevision
  )
}

const rolledOut = (namespace: string) =>
  eventually(() => plane.client.get(statefulSets, at(namespace)), isRolledOut)

test('a StatefulSet comes up in order, is updated from the end, rolled back, and scaled down', async () => {
  await create('ordered', 3)
  const first = await rolledOut('ordered')
  const born = await podsOf('ordered')
  expect(born.map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1', 'db-2'])

  await patch('ordered', { template: { spec: { containers: [{ name: 'c', image: 'db:2' }] } } })
  const second = await rolledOut('ordered')
  expect(second.status?.updateRevision).not.toBe(first.status?.updateRevision)
  const updated = await podsOf('ordered')
  expect(updated.map(({ spec }) => spec.containers[0]?.image)).toEqual(['db:2', 'db:2', 'db:2'])
  expect(new Set([...born, ...updated].map(({ metadata }) => metadata.uid)).size).toBe(6)

  // What `kubectl rollout undo` sends: the data of the older revision.
  const history = (await plane.client.list(controllerRevisions, { namespace: 'ordered' })).items
  const older = history.find(({ metadata }) => metadata.name === first.status?.currentRevision)
  await plane.client.patch(statefulSets, at('ordered'), 'strategic', older?.data ?? {})
  const third = await rolledOut('ordered')
  expect(third.status?.updateRevision).toBe(first.status?.updateRevision)
  const again = (await plane.client.list(controllerRevisions, { namespace: 'ordered' })).items
  expect(new Set(again.map(({ revision }) => revision))).toEqual(new Set([2, 3]))

  await patch('ordered', { replicas: 1 })
  await rolledOut('ordered')
  expect((await podsOf('ordered')).map(({ metadata }) => metadata.name)).toEqual(['db-0'])
})

test('a pod that is lost comes back under its name, once it is gone', async () => {
  await create('lost', 2, { podManagementPolicy: 'Parallel' })
  await rolledOut('lost')
  const [, before] = await podsOf('lost')
  await plane.client.delete(pods, { namespace: 'lost', name: 'db-1' })
  const after = await eventually(
    () => plane.client.get(pods, { namespace: 'lost', name: 'db-1' }),
    pod => pod.metadata.uid !== before?.metadata.uid,
  )
  expect(after.spec.hostname).toBe('db-1')
  await rolledOut('lost')
})

test('claims are made for pods, and go by their policy', async () => {
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
    },
  }
  const claimsOf = async () =>
    (await plane.client.list(persistentVolumeClaims, { namespace: 'claims' })).items
  await create('claims', 2, {
    podManagementPolicy: 'Parallel',
    volumeClaimTemplates: [claim],
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
  })
  const both = await eventually(claimsOf, all => all.length === 2)
  expect(new Set(both.map(({ metadata }) => metadata.name))).toEqual(
    new Set(['data-db-0', 'data-db-1']),
  )
  await patch('claims', { replicas: 1 })
  const left = await eventually(claimsOf, all => all.length === 1)
  expect(left[0]?.metadata.name).toBe('data-db-0')
  await plane.client.delete(statefulSets, at('claims'))
  await eventually(
    () => podsOf('claims'),
    all => all.length === 0,
  )
  expect((await claimsOf()).map(({ metadata }) => metadata.name)).toEqual(['data-db-0'])
})
