// WaitForFirstConsumer through a real API server, with the controller that binds volumes. The test makes them,
// as a provisioner does: by upstream's fields and annotations alone.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PersistentVolumeClaim } from '../api/types/core-persistent-volume.js'
import type { Pod } from '../api/types/core-pod.js'
import type { StorageClass } from '../api/types/storage-class.js'
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
} from '../client/resources.js'
import { eventually } from '../controllers/testing/fake-kubelet.js'
import {
  type ControlPlaneForTests,
  startControlPlane,
} from '../controllers/testing/running-controllers.js'

const storageClasses: Resource<StorageClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
}
const namespace = 'default'
const provisioner = 'example.com/disk'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
  for (const [name, by] of [
    ['waiting-local', 'kubernetes.io/no-provisioner'],
    ['waiting-made', provisioner],
  ] as const) {
    await plane.client.create(storageClasses, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: by,
      volumeBindingMode: 'WaitForFirstConsumer',
    })
  }
})

afterAll(async () => {
  await plane?.stop()
})

const podAt = (name: string) => () => plane.client.get(pods, { namespace, name })
const claimAt = (name: string) => () =>
  plane.client.get(persistentVolumeClaims, { namespace, name })
const placed = (pod: Pod) => (pod.spec.nodeName ?? '') !== ''

async function claim(name: string, storageClassName: string): Promise<PersistentVolumeClaim> {
  return plane.client.create(persistentVolumeClaims, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace, name },
    spec: {
      storageClassName,
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
    },
  })
}

async function mounting(name: string): Promise<void> {
  await plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      containers: [{ name: 'c', image: 'hello:1' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
    },
  })
}

/** Of the claim by that name, which must be bound by now: the pod has been placed. */
async function volumeOf(name: string): Promise<string | undefined> {
  const { metadata, spec } = await claimAt(name)()
  expect(metadata.annotations).toMatchObject({ 'pv.kubernetes.io/bind-completed': 'yes' })
  return spec?.volumeName
}

async function volume(
  name: string,
  storageClassName: string,
  node: string,
  madeFor?: string,
): Promise<void> {
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }]
  await plane.client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      storageClassName,
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      ...(madeFor === undefined ? {} : { claimRef: { namespace, name: madeFor } }),
      local: { path: '/mnt' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  })
  await plane.client.patch(
    persistentVolumes,
    { name },
    'merge',
    { status: { phase: 'Available' } },
    {
      subresource: 'status',
    },
  )
}

test('a pod goes where there is a volume for it, once that is bound', async () => {
  const { metadata } = await claim('chosen', 'waiting-local')
  await mounting('chosen')
  const waiting = await eventually(podAt('chosen'), ({ status }) =>
    (status?.conditions ?? []).some(({ reason }) => reason === 'Unschedulable'),
  )
  expect(waiting.status?.conditions).toContainEqual(
    expect.objectContaining({
      message: expect.stringContaining(
        "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
      ),
    }),
  )
  await volume('on-n2', 'waiting-local', 'n2')
  const taken = await eventually(
    () => plane.client.get(persistentVolumes, { name: 'on-n2' }),
    ({ spec }) => spec?.claimRef !== undefined,
  )
  expect(taken.spec?.claimRef).toMatchObject({ namespace, name: 'chosen', uid: metadata.uid })
  expect(taken.metadata.annotations).toMatchObject({
    'pv.kubernetes.io/bound-by-controller': 'yes',
  })
  const pod = await eventually(podAt('chosen'), placed)
  expect(pod.spec.nodeName).toBe('n2')
  expect(await volumeOf('chosen')).toBe('on-n2')
})

test('a volume that has to be made is made for the node that was selected', async () => {
  await claim('made', 'waiting-made')
  await mounting('made')
  const selected = 'volume.kubernetes.io/selected-node'
  const asked = await eventually(
    claimAt('made'),
    ({ metadata }) => metadata.annotations?.[selected] !== undefined,
  )
  const node = asked.metadata.annotations?.[selected] ?? ''
  expect(placed(await podAt('made')())).toBe(false)
  await volume('fresh', 'waiting-made', node, 'made')
  const pod = await eventually(podAt('made'), placed)
  expect(pod.spec.nodeName).toBe(node)
  expect(await volumeOf('made')).toBe('fresh')
})

test('where a volume cannot be made after all the pod looks again', async () => {
  await claim('refused', 'waiting-made')
  await mounting('refused')
  const selected = 'volume.kubernetes.io/selected-node'
  const asked = (one: PersistentVolumeClaim) => one.metadata.annotations?.[selected] !== undefined
  await eventually(claimAt('refused'), asked)
  await plane.client.patch(persistentVolumeClaims, { namespace, name: 'refused' }, 'merge', {
    metadata: { annotations: { [selected]: null } },
  })
  await eventually(claimAt('refused'), asked)
})
