// Generic ephemeral volumes through a real API server: the claim comes with the pod, is bound, and goes with it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { isNotFound } from '../../client/api-error.js'
import { events, persistentVolumeClaims, persistentVolumes, pods } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1'])
})

afterAll(async () => {
  await plane?.stop()
})

const namespace = 'default'
const claimNow = (name: string) => plane.client.get(persistentVolumeClaims, { namespace, name })
const podNow = (name: string) => plane.client.get(pods, { namespace, name })

const claimSpec = {
  storageClassName: 'manual',
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
}

async function makePod(name: string) {
  const ephemeral = { volumeClaimTemplate: { metadata: { labels: { of: name } }, spec: claimSpec } }
  await plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      containers: [
        { name: 'main', image: 'host', volumeMounts: [{ name: 'scratch', mountPath: '/data' }] },
      ],
      volumes: [{ name: 'scratch', ephemeral }],
    },
  })
}

const isGone = async (read: () => Promise<unknown>): Promise<boolean> => {
  try {
    await read()
    return false
  } catch (error) {
    if (isNotFound(error)) return true
    throw error
  }
}

test('a pod gets its claim, runs once that is bound, and takes it along', async () => {
  await plane.client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'one' },
    spec: {
      storageClassName: 'manual',
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/srv/one' },
    },
  })
  await makePod('web')
  const claim = await eventually(
    () => claimNow('web-scratch'),
    ({ status }) => status?.phase === 'Bound',
  )
  const pod = await eventually(
    () => podNow('web'),
    ({ status }) => status?.phase === 'Running',
  )
  expect(claim.metadata).toMatchObject({
    labels: { of: 'web' },
    ownerReferences: [{ kind: 'Pod', uid: pod.metadata.uid, controller: true }],
  })
  await plane.client.delete(pods, { namespace, name: 'web' })
  await eventually(() => isGone(() => claimNow('web-scratch')), Boolean)
})

test('a claim of that name that is not the pod’s is left alone until it is removed', async () => {
  const metadata = { namespace, name: 'late-scratch' }
  const kind = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
  await plane.client.create(persistentVolumeClaims, { ...kind, metadata, spec: claimSpec })
  await makePod('late')
  const told = await eventually(
    async () =>
      (await plane.client.list(events, { namespace })).items.filter(
        ({ involvedObject, reason }) =>
          involvedObject.name === 'late' && reason === 'FailedBinding',
      ),
    all => all.length > 0,
  )
  expect(told[0]?.message).toBe(
    'ephemeral volume scratch: PVC default/late-scratch was not created for pod default/late (pod is not owner)',
  )
  await plane.client.delete(persistentVolumeClaims, metadata)
  const claim = await eventually(
    () => claimNow('late-scratch'),
    one => one.metadata.ownerReferences !== undefined,
  )
  expect(claim.metadata.ownerReferences?.[0]?.uid).toBe((await podNow('late')).metadata.uid)
})
