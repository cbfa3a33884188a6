// What users of StatefulSets rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { persistentVolumeClaims, pods, statefulSets } from '../../orchestrator/client/resources.js'
import { imageOf, isReady, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

const set = (replicas: number, more = '', template = '') => `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: ${replicas}
  serviceName: db
  ${more.trim().replaceAll('\n', '\n  ')}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: db, image: "db:1"}]
      ${template}
`

async function started(replicas: number, more = ''): Promise<void> {
  place = await scene.place()
  await place.create(set(replicas, more))
  await ready(replicas)
}

const ready = (count: number) =>
  place.untilAll(pods, all => all.length === count && all.every(isReady))
const updateTo = (image: string) =>
  place.patch(
    statefulSets,
    'db',
    { spec: { template: { spec: { containers: [{ name: 'db', image }] } } } },
    { type: 'strategic' },
  )
const scaleTo = (replicas: number) => place.patch(statefulSets, 'db', { spec: { replicas } })
const images = async () =>
  Object.fromEntries((await place.list(pods)).map(pod => [pod.metadata.name, imageOf(pod)]))
const ordinal = ({ metadata }: Pod) => Number(metadata.name?.split('-').at(-1))

test('ordered: pods come one by one, each when those below it are ready, and go from the end', async () => {
  place = await scene.place()
  await place.create(set(3))
  await place.alwaysUntil(
    all => {
      const unready = all.filter(pod => !isReady(pod))
      expect(unready.length).toBeLessThanOrEqual(1)
      for (const pod of unready) expect(ordinal(pod)).toBe(all.length - 1)
    },
    all => all.length === 3 && all.every(isReady),
  )
  await scaleTo(0)
  await place.alwaysUntil(
    all => {
      const leaving = all.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      expect(leaving.length).toBeLessThanOrEqual(1)
      for (const pod of leaving) expect(ordinal(pod)).toBe(all.length - 1)
    },
    all => all.length === 0,
  )
})

test('ordered: a pod that is not ready holds up all above it', async () => {
  place = await scene.place()
  await place.create(set(3, '', 'nodeSelector: {nowhere: "yes"}'))
  await place.untilAll(pods, all => all.length === 1)
  await scene.cluster.pass(60_000)
  expect(namesOf(await place.list(pods))).toEqual(['db-0'])
})

test('Parallel: none waits for another', async () => {
  place = await scene.place()
  await place.create(set(3, 'podManagementPolicy: Parallel', 'nodeSelector: {nowhere: "yes"}'))
  await place.untilAll(pods, all => all.length === 3)
})

test('partition: only pods from that ordinal on are updated', async () => {
  await started(3, 'updateStrategy: {rollingUpdate: {partition: 2}}')
  await updateTo('db:2')
  await place.untilAll(
    pods,
    all => all.length === 3 && all.every(isReady) && all.map(imageOf).includes('db:2'),
  )
  await scene.cluster.pass(60_000)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:2' })
  // One below it that is lost comes back as it was.
  await place.delete(pods, 'db-0')
  await scene.cluster.pass(10_000)
  await ready(3)
  expect(await images()).toMatchObject({ 'db-0': 'db:1' })
  await place.patch(statefulSets, 'db', {
    spec: { updateStrategy: { rollingUpdate: { partition: 0 } } },
  })
  const done = await place.until(
    statefulSets,
    'db',
    ({ status }) => status?.currentRevision === status?.updateRevision,
  )
  expect(done.status).toMatchObject({ currentReplicas: 3, updatedReplicas: 3 })
  expect(await images()).toEqual({ 'db-0': 'db:2', 'db-1': 'db:2', 'db-2': 'db:2' })
})

test('OnDelete: a pod is updated when its user deletes it', async () => {
  await started(2, 'updateStrategy: {type: OnDelete}')
  await updateTo('db:2')
  await scene.cluster.pass(60_000)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1' })
  await place.delete(pods, 'db-0')
  await scene.cluster.pass(5_000)
  await ready(2)
  expect(await images()).toEqual({ 'db-0': 'db:2', 'db-1': 'db:1' })
})

const claims = (policy: string) => `
persistentVolumeClaimRetentionPolicy: ${policy}
volumeClaimTemplates:
- metadata: {name: data}
  spec:
    accessModes: [ReadWriteOnce]
    resources: {requests: {storage: 1Gi}}
    storageClassName: ""
    volumeName: by-hand
`

/** With claims that are bound to nothing, so that pods wait for ever and the claims are what counts. */
async function withClaims(policy: string): Promise<void> {
  place = await scene.place()
  await place.create(set(2, `podManagementPolicy: Parallel\n${claims(policy).trim()}`))
  await place.untilAll(persistentVolumeClaims, all => all.length === 2)
  expect(namesOf(await place.list(persistentVolumeClaims))).toEqual(['data-db-0', 'data-db-1'])
}

const claimNames = async () => namesOf(await place.list(persistentVolumeClaims))

test('claim templates and their retention: Retain keeps claims of pods and of sets that go', async () => {
  await withClaims('{whenScaled: Retain, whenDeleted: Retain}')
  const [before] = await place.list(persistentVolumeClaims)
  await scaleTo(1)
  await place.untilAll(pods, all => all.length === 1)
  await place.delete(statefulSets, 'db')
  await place.untilAll(pods, all => all.length === 0)
  await scene.cluster.pass(60_000)
  expect(await claimNames()).toEqual(['data-db-0', 'data-db-1'])
  // The next set of the name finds them.
  await place.create(set(1, claims('{}')))
  const pod = await place.untilAll(pods, all => all.length === 1)
  expect(pod[0]?.spec.volumes?.[0]).toMatchObject({
    name: 'data',
    persistentVolumeClaim: { claimName: 'data-db-0' },
  })
  const [after] = await place.list(persistentVolumeClaims)
  expect(after?.metadata.uid).toBe(before?.metadata.uid)
})

test('claim templates and their retention: Delete lets them go with their pods', async () => {
  await withClaims('{whenScaled: Delete, whenDeleted: Retain}')
  await scaleTo(1)
  await place.untilAll(persistentVolumeClaims, all => all.length === 1)
  expect(await claimNames()).toEqual(['data-db-0'])
})

test('claim templates and their retention: Delete lets them go with the set', async () => {
  await withClaims('{whenScaled: Retain, whenDeleted: Delete}')
  await place.untilAll(persistentVolumeClaims, all =>
    all.every(({ metadata }) => metadata.ownerReferences?.[0]?.kind === 'StatefulSet'),
  )
  await place.delete(statefulSets, 'db')
  await place.untilAll(persistentVolumeClaims, all => all.length === 0)
})

test('ordinals.start: they may begin elsewhere, and be moved', async () => {
  await started(2, 'ordinals: {start: 5}')
  expect(namesOf(await place.list(pods))).toEqual(['db-5', 'db-6'])
  await place.patch(statefulSets, 'db', { spec: { ordinals: { start: 6 } } })
  await place.untilAll(pods, all => namesOf(all).join() === 'db-6,db-7' && all.every(isReady))
})

test('stable name and DNS: a pod that comes back has its name, host name and domain', async () => {
  await started(2)
  const before = await place.get(pods, 'db-1')
  await place.delete(pods, 'db-1')
  const after = await place.until(
    pods,
    'db-1',
    pod => pod.metadata.uid !== before.metadata.uid && isReady(pod),
  )
  expect(after.spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' })
  expect(after.metadata.labels).toMatchObject({
    'statefulset.kubernetes.io/pod-name': 'db-1',
    'apps.kubernetes.io/pod-index': '1',
  })
})

test('never two pods of one name: one whose node is silent is waited for', async () => {
  await started(2)
  const silent = await place.get(pods, 'db-0')
  const kubelet = scene.cluster.kubelets.get(silent.spec.nodeName ?? '')
  kubelet?.stop()
  // Long enough for the node to be given up and its pods to be evicted.
  await scene.cluster.pass(10 * 60_000)
  const waiting = await place.get(pods, 'db-0')
  expect(waiting.metadata.uid).toBe(silent.metadata.uid)
  expect(waiting.metadata.deletionTimestamp).toBeDefined()
  // Somebody who knows that the node is dead says so.
  await place.delete(pods, 'db-0', { gracePeriodSeconds: 0 })
  await place.until(pods, 'db-0', pod => pod.metadata.uid !== silent.metadata.uid && isReady(pod))
})
