// Claims and volumes through a real API server: users do what users do, and the binder and whoever protects what is in use
// do the rest.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { localVolumesMark } from '../../api/local-volume.js'
import type { JsonObject } from '../../api/object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import { isNotFound } from '../../client/api-error.js'
import {
  events,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../client/resources.js'
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
const volumeNow = (name: string) => plane.client.get(persistentVolumes, { name })
const isBound = ({ status }: PersistentVolume | PersistentVolumeClaim) => status?.phase === 'Bound'

const makeClaim = (name: string, spec: JsonObject = {}) =>
  plane.client.create(persistentVolumeClaims, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace, name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  })

const makeVolume = (name: string, storage: string, spec: JsonObject = {}) =>
  plane.client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: `/srv/${name}` },
      ...spec,
    },
  })

const reasonsOf = async (name: string) =>
  (await plane.client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason }) => reason)

async function gone(name: string): Promise<boolean> {
  try {
    await claimNow(name)
    return false
  } catch (error) {
    if (isNotFound(error)) return true
    throw error
  }
}

test('a claim waits for a volume, gets the smallest that fits, and leaves it behind as released', async () => {
  await makeClaim('data', { storageClassName: 'manual' })
  await eventually(
    () => reasonsOf('data'),
    reasons => reasons.includes('ProvisioningFailed'),
  )
  await makeVolume('large', '8Gi', { storageClassName: 'manual' })
  const claim = await eventually(() => claimNow('data'), isBound)
  expect(claim.spec?.volumeName).toBe('large')
  expect(claim.status).toMatchObject({
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '8Gi' },
  })
  expect(await volumeNow('large')).toMatchObject({
    spec: { claimRef: { uid: claim.metadata.uid } },
    status: { phase: 'Bound' },
  })

  await makeVolume('small', '1Gi', { storageClassName: 'manual' })
  await makeClaim('more', { storageClassName: 'manual' })
  const more = await eventually(() => claimNow('more'), isBound)
  expect(more.spec?.volumeName).toBe('small')

  await plane.client.delete(persistentVolumeClaims, { namespace, name: 'data' })
  await eventually(() => gone('data'), Boolean)
  await eventually(
    () => volumeNow('large'),
    ({ status }) => status?.phase === 'Released',
  )
  // What was released is nobody's until an administrator says so.
  await makeClaim('late', { storageClassName: 'manual' })
  await eventually(
    () => reasonsOf('late'),
    reasons => reasons.length > 0,
  )
  expect((await claimNow('late')).status?.phase).toBe('Pending')
  await plane.client.patch(persistentVolumes, { name: 'large' }, 'merge', {
    spec: { claimRef: null },
  })
  const late = await eventually(() => claimNow('late'), isBound)
  expect(late.spec?.volumeName).toBe('large')
})

test('thirty claims and twenty volumes at once: twenty pairs, and nobody twice', async () => {
  const names = Array.from({ length: 30 }, (_, at) => `crowd-${at}`)
  await Promise.all([
    ...names.map(name => makeClaim(name, { storageClassName: 'crowd' })),
    ...names.slice(0, 20).map(name => makeVolume(name, '1Gi', { storageClassName: 'crowd' })),
  ])
  const { items } = await eventually(
    () => plane.client.list(persistentVolumeClaims, { namespace }),
    list =>
      list.items.filter(one => one.spec?.storageClassName === 'crowd' && isBound(one)).length ===
      20,
  )
  const taken = items.filter(one => one.spec?.storageClassName === 'crowd' && isBound(one))
  expect(new Set(taken.map(({ spec }) => spec?.volumeName)).size).toBe(20)
  for (const { metadata, spec } of taken) {
    const volume = await volumeNow(spec?.volumeName ?? '')
    expect(volume.spec?.claimRef?.uid).toBe(metadata.uid)
  }
})

test('the default class makes a volume on the node of the first consumer', async () => {
  const local = await plane.client.get(storageClasses, { name: 'local' })
  expect(local).toMatchObject({
    metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'raftsman.dev/local',
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
    allowVolumeExpansion: true,
  })
  const mark = { [localVolumesMark]: '/data/volumes' }
  await plane.client.patch(nodes, { name: 'n1' }, 'merge', { metadata: { annotations: mark } })
  const { metadata } = await makeClaim('own')
  await eventually(
    () => reasonsOf('own'),
    reasons => reasons.includes('WaitForFirstConsumer'),
  )
  await plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'user' },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'c', image: 'host' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'own' } }],
    },
  })
  const claim = await eventually(() => claimNow('own'), isBound)
  expect(claim.spec?.volumeName).toBe(`pvc-${metadata.uid}`)
  expect(await volumeNow(`pvc-${metadata.uid}`)).toMatchObject({
    spec: {
      local: { path: `/data/volumes/pvc-${metadata.uid}` },
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'local',
    },
  })
  await eventually(
    () => reasonsOf('own'),
    reasons => reasons.includes('ProvisioningSucceeded'),
  )

  // The node goes for good, and with it what only it could have removed.
  await plane.client.delete(pods, { namespace, name: 'user' }, { gracePeriodSeconds: 0 })
  await plane.client.delete(persistentVolumeClaims, { namespace, name: 'own' })
  await eventually(() => gone('own'), Boolean)
  await eventually(
    () => volumeNow(`pvc-${metadata.uid}`),
    ({ status }) => status?.phase === 'Released',
  )
  plane.kubelets.get('n1')?.crash()
  await plane.client.delete(nodes, { name: 'n1' })
  await eventually(
    () => plane.client.list(persistentVolumes),
    ({ items }) => items.every(one => one.metadata.name !== `pvc-${metadata.uid}`),
  )
})
