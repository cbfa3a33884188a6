// What users of persistent volumes rely on, each by its name. That data outlive pods, and go, is shown where
// there are directories: orchestrator/node-volumes.real.test.ts.

import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
} from '../../orchestrator/client/resources.js'
import { isReady, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place
/** One for each test, so that none gets a volume of another. */
let storageClass = ''
let classes = 0

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

async function setting(mode: 'Immediate' | 'WaitForFirstConsumer' = 'Immediate'): Promise<void> {
  place = await scene.place()
  classes += 1
  storageClass = `class-${classes}`
  await place.create(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: ${storageClass}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: ${mode}
`)
}

const volume = (name: string, more = '', size = '2Gi') =>
  place.create(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${storageClass}-${name}}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteOnce]
  capacity: {storage: ${size}}
  hostPath: {path: /data/${name}}
  ${more}
`)

const on = (node: string) => `nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${node}]}]`

const claim = (name: string, more = '') =>
  place.create(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
  ${more}
`)

const podWith = (name: string, claimName: string, more = '') =>
  place.create(`
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "main:1"}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: ${claimName}}}]
  ${more}
`)

const bound = (name: string) =>
  place.until(persistentVolumeClaims, name, ({ status }) => status?.phase === 'Bound')
const volumeIs = (name: string, phase: string) =>
  place.until(persistentVolumes, `${storageClass}-${name}`, ({ status }) => status?.phase === phase)

test('PV binding: a claim gets the smallest volume that is large enough', async () => {
  await setting()
  for (const size of ['512Mi', '10Gi', '2Gi', '5Gi']) await volume(size.toLowerCase(), '', size)
  await claim('data')
  expect((await bound('data')).spec?.volumeName).toBe(`${storageClass}-2gi`)
  const { spec: taken } = await volumeIs('2gi', 'Bound')
  expect(taken?.claimRef).toMatchObject({ namespace: place.namespace, name: 'data' })
  await claim('second')
  expect((await bound('second')).spec?.volumeName).toBe(`${storageClass}-5gi`)
})

test('PV binding: a claim without a volume waits for one', async () => {
  await setting()
  await claim('data')
  await scene.cluster.pass(60_000)
  const waiting = await place.get(persistentVolumeClaims, 'data')
  expect(waiting.status?.phase).toBe('Pending')
  await volume('late')
  await bound('data')
})

test('WaitForFirstConsumer: the volume is chosen where the pod can run', async () => {
  await setting('WaitForFirstConsumer')
  await volume('on-a', on('a'))
  await volume('on-b', on('b'))
  await claim('data')
  await scene.cluster.pass(60_000)
  const waiting = await place.get(persistentVolumeClaims, 'data')
  expect(waiting.status?.phase).toBe('Pending')
  expect(await place.reasons('data')).toContain('WaitForFirstConsumer')
  await podWith('user', 'data', 'nodeSelector: {kubernetes.io/hostname: b}')
  const pod = await place.until(pods, 'user', isReady)
  expect(pod.spec.nodeName).toBe('b')
  expect((await bound('data')).spec?.volumeName).toBe(`${storageClass}-on-b`)
})

test('a bound volume draws its pods to the node that it is on', async () => {
  await setting()
  await volume('on-b', on('b'))
  await claim('data')
  await bound('data')
  await podWith('user', 'data')
  expect((await place.until(pods, 'user', isReady)).spec.nodeName).toBe('b')
})

test('Retain: a volume whose claim is gone is kept, and nobody else gets it', async () => {
  await setting()
  await volume('kept', 'persistentVolumeReclaimPolicy: Retain')
  await claim('data')
  await bound('data')
  await place.delete(persistentVolumeClaims, 'data')
  await volumeIs('kept', 'Released')
  await claim('data')
  await scene.cluster.pass(60_000)
  expect((await place.get(persistentVolumeClaims, 'data')).status?.phase).toBe('Pending')
  // Until an administrator gives it free.
  await place.patch(persistentVolumes, `${storageClass}-kept`, { spec: { claimRef: null } })
  await bound('data')
})

test('Delete: a volume of a driver is left to it, and one that nobody can delete has failed', async () => {
  await setting()
  await volume('plain', 'persistentVolumeReclaimPolicy: Delete')
  await claim('data')
  await bound('data')
  await place.delete(persistentVolumeClaims, 'data')
  await volumeIs('plain', 'Failed')
  await place.create(`
apiVersion: v1
kind: PersistentVolume
metadata:
  name: ${storageClass}-driven
  annotations: {pv.kubernetes.io/provisioned-by: disks.example.com}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteOnce]
  capacity: {storage: 2Gi}
  persistentVolumeReclaimPolicy: Delete
  csi: {driver: disks.example.com, volumeHandle: disk-1}
`)
  await claim('driven')
  await bound('driven')
  await place.delete(persistentVolumeClaims, 'driven')
  await volumeIs('driven', 'Released')
  await scene.cluster.pass(60_000)
  expect((await volumeIs('driven', 'Released')).metadata.deletionTimestamp).toBeUndefined()
})

test('protection finalizers: a claim in use stays until its pods are gone, a volume until its claim is', async () => {
  await setting()
  await volume('used')
  await claim('data')
  await bound('data')
  await podWith('user', 'data')
  await place.until(pods, 'user', isReady)
  await place.delete(persistentVolumes, `${storageClass}-used`)
  await place.delete(persistentVolumeClaims, 'data')
  await scene.cluster.pass(60_000)
  const held = await place.get(persistentVolumeClaims, 'data')
  expect(held.metadata.finalizers).toContain('kubernetes.io/pvc-protection')
  const volumeHeld = await place.get(persistentVolumes, `${storageClass}-used`)
  expect(volumeHeld.metadata.finalizers).toContain('kubernetes.io/pv-protection')
  await place.delete(pods, 'user')
  await place.untilGone(persistentVolumeClaims, 'data')
  await place.untilGone(persistentVolumes, `${storageClass}-used`)
})

test('access modes: a claim takes no volume that lacks one that it asks for', async () => {
  await setting()
  await volume('once')
  await claim('single')
  await bound('single')
  await place.create(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Gi}}
`)
  await volume('twice')
  await scene.cluster.pass(60_000)
  expect((await place.get(persistentVolumeClaims, 'shared')).status?.phase).toBe('Pending')
  await place.create(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${storageClass}-shared}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadOnlyMany, ReadWriteMany]
  capacity: {storage: 2Gi}
  hostPath: {path: /data/shared}
`)
  expect((await bound('shared')).spec?.volumeName).toBe(`${storageClass}-shared`)
})

test('access modes: ReadWriteOncePod lets in one pod at a time', async () => {
  await setting()
  await place.create(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${storageClass}-alone}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteOncePod]
  capacity: {storage: 2Gi}
  csi: {driver: disks.example.com, volumeHandle: disk-2}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: alone}
spec:
  storageClassName: ${storageClass}
  accessModes: [ReadWriteOncePod]
  resources: {requests: {storage: 1Gi}}
`)
  await bound('alone')
  await podWith('first', 'alone')
  await place.until(pods, 'first', isReady)
  await podWith('second', 'alone')
  await scene.cluster.pass(60_000)
  const waiting = await place.get(pods, 'second')
  expect(waiting.spec.nodeName).toBeUndefined()
  await place.delete(pods, 'first')
  await place.until(pods, 'second', isReady)
})
