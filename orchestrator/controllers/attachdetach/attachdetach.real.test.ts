// Volumes of a driver, and volumes that grow, through a real API server. The driver is the test.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { localVolumesMark } from '../../api/local-volume.js'
import type { JsonObject } from '../../api/object.js'
import {
  events,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests
const namespace = 'default'

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
})

afterAll(async () => {
  await plane?.stop()
})

const makeClaim = (name: string, spec: JsonObject) =>
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

const makePod = (name: string, nodeName: string, claimName: string) =>
  plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      nodeName,
      containers: [{ name: 'c', image: 'host' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
    },
  })

const attachments = async () => (await plane.client.list(volumeAttachments)).items
const messagesOf = async (name: string) =>
  (await plane.client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`)

test('a volume is attached, reported, refused to a second node, and given on when the first has let go', async () => {
  await plane.client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'disks',
      csi: { driver: 'disk.example.com', volumeHandle: 'h1' },
    },
  })
  await makeClaim('data', { storageClassName: 'disks' })
  await makePod('first', 'n1', 'data')
  const [made] = await eventually(attachments, found => found.length === 1)
  expect(made?.spec).toEqual({
    attacher: 'disk.example.com',
    nodeName: 'n1',
    source: { persistentVolumeName: 'disk' },
  })
  const at = { name: made?.metadata.name ?? '' }
  await plane.client.patch(
    volumeAttachments,
    at,
    'merge',
    { status: { attached: true } },
    { subresource: 'status' },
  )
  const name = 'kubernetes.io/csi/disk.example.com^h1'
  await eventually(
    () => plane.client.get(nodes, { name: 'n1' }),
    ({ status }) => status?.volumesAttached?.[0]?.name === name,
  )
  await eventually(
    () => messagesOf('first'),
    texts =>
      texts.includes('SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "disk"'),
  )
  await makePod('second', 'n2', 'data')
  await eventually(
    () => messagesOf('second'),
    texts =>
      texts.includes(
        'FailedAttachVolume: Multi-Attach error for volume "disk" Volume is already used by pod(s) first',
      ),
  )

  await plane.client.delete(pods, { namespace, name: 'first' })
  await eventually(attachments, found => found.length === 1 && found[0]?.spec.nodeName === 'n2')
  const { status } = await plane.client.get(nodes, { name: 'n1' })
  expect(status?.volumesAttached ?? []).toEqual([])
})

test('a claim of the default class grows when it asks for more', async () => {
  const mark = { [localVolumesMark]: '/data/volumes' }
  await plane.client.patch(nodes, { name: 'n1' }, 'merge', { metadata: { annotations: mark } })
  await makeClaim('growing', {})
  await makePod('user', 'n1', 'growing')
  const at = { namespace, name: 'growing' }
  const claimNow = () => plane.client.get(persistentVolumeClaims, at)
  await eventually(claimNow, ({ status }) => status?.phase === 'Bound')
  const wish = { spec: { resources: { requests: { storage: '5Gi' } } } }
  await plane.client.patch(persistentVolumeClaims, at, 'merge', wish)
  const { spec, status } = await eventually(
    claimNow,
    found => found.status?.capacity?.['storage'] === '5Gi',
  )
  expect(status).toMatchObject({ phase: 'Bound', allocatedResources: { storage: '5Gi' } })
  expect(status?.conditions ?? []).toEqual([])
  const volume = await plane.client.get(persistentVolumes, { name: spec?.volumeName ?? '' })
  expect(volume.spec?.capacity).toEqual({ storage: '5Gi' })
})
