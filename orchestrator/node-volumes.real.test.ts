// Claims of pods that run: a control plane and a node with the process runtime, and data on a real disk.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { nodeMetrics } from '../platform/node/metrics.js'
import { nodeFiles } from '../platform/node/node-files.js'
import { nodeProcesses } from '../platform/node/processes.js'
import { nodeRandom } from '../platform/node/random.js'
import type { JsonObject, KubeObject } from './api/object.js'
import type { PersistentVolume } from './api/types/core-persistent-volume.js'
import { isNotFound } from './client/api-error.js'
import { HttpTransport } from './client/http-transport.js'
import {
  events,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
  storageClasses,
} from './client/resources.js'
import { ApiClient } from './client/rest-client.js'
import { eventually } from './controllers/testing/fake-kubelet.js'
import {
  type ControlPlaneForTests,
  startControlPlane,
} from './controllers/testing/running-controllers.js'
import { reapPods } from './kubelet/runtimes/process/reap.js'
import { type RunningNode, startNode } from './node.js'

const nodeName = 'node-1'
const namespace = 'default'
const waitMs = 30_000
let plane: ControlPlaneForTests
let client: ApiClient
let transport: HttpTransport
let node: RunningNode | null = null
let directory = ''

beforeAll(async () => {
  plane = await startControlPlane([])
  client = plane.client
  directory = mkdtempSync(join(tmpdir(), 'node-volumes-'))
  const identity = await plane.server.identity(`system:node:${nodeName}`, ['system:nodes'])
  transport = new HttpTransport({
    servers: [plane.server.url],
    tls: {
      ca: readFileSync(identity.caFile, 'utf8'),
      cert: readFileSync(identity.certFile, 'utf8'),
      key: readFileSync(identity.keyFile, 'utf8'),
    },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  await start()
})

afterEach(async () => {
  const { items } = await client.list(pods, { namespace })
  for (const { metadata } of items) await remove(pods, metadata.name ?? '')
})

afterAll(async () => {
  await node?.stop()
  await reapPods({
    dataDirectory: directory,
    files: nodeFiles,
    processes: nodeProcesses(),
    clock: nodeClock(),
    graceMs: 0,
  })
  transport?.close()
  await plane?.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function start(): Promise<void> {
  const metrics = nodeMetrics()
  node = await startNode({
    nodeName,
    client: new ApiClient({ transport }),
    tls: await plane.server.identity(`system:node:${nodeName}`, ['system:nodes']),
    listen: { host: '127.0.0.1', port: 0 },
    dataDirectory: directory,
    stopPodsOnExit: true,
    clock: nodeClock(),
    random: nodeRandom(),
    processes: nodeProcesses(),
    files: nodeFiles,
    logger: silentLogger,
    metrics,
    metricsText: () => metrics.text(),
    searchPath: process.env['PATH'] ?? '',
    proxy: null,
  })
}

const claimOf = (name: string, spec: JsonObject = {}): Promise<KubeObject> =>
  client.create(persistentVolumeClaims, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace, name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  })

/** Runs a script with the claim at ./data to its end. */
async function runWith(claimName: string, name: string, script: string): Promise<void> {
  await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'c',
          image: 'host',
          command: ['sh', '-c', script],
          volumeMounts: [{ name: 'v', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
    },
  })
  await eventually(
    () => client.get(pods, { namespace, name }),
    ({ status }) => status?.phase === 'Succeeded',
    waitMs,
  )
}

async function isGone(resource: Resource, name: string): Promise<boolean> {
  try {
    await client.get(resource, { name, ...(resource.namespaced ? { namespace } : {}) })
    return false
  } catch (error) {
    if (isNotFound(error)) return true
    throw error
  }
}

/** Resolves when it is gone. */
async function remove(resource: Resource, name: string): Promise<void> {
  await client
    .delete(resource, { name, ...(resource.namespaced ? { namespace } : {}) })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  await eventually(() => isGone(resource, name), Boolean, waitMs)
}

async function volumeOf(claimName: string): Promise<PersistentVolume> {
  const { spec } = await client.get(persistentVolumeClaims, { namespace, name: claimName })
  return client.get(persistentVolumes, { name: spec?.volumeName ?? '' })
}

test('data outlive the pod that wrote them, and go with their claim', async () => {
  await claimOf('data')
  await runWith('data', 'writer', 'echo kept > data/file && mkdir data/dir')
  const volume = await volumeOf('data')
  const path = volume.spec?.local?.path ?? ''
  expect(path).toBe(join(directory, 'local-volumes', volume.metadata.name ?? ''))
  // What a link leads to is not the volume's.
  const outside = join(directory, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'precious'), 'x')
  symlinkSync(outside, join(path, 'dir', 'way-out'))
  await remove(pods, 'writer')
  await runWith('data', 'reader', 'test "$(cat data/file)" = kept && echo more >> data/file')
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('kept\nmore\n')
  await remove(pods, 'reader')

  await remove(persistentVolumeClaims, 'data')
  await eventually(() => isGone(persistentVolumes, volume.metadata.name ?? ''), Boolean, waitMs)
  expect(existsSync(path)).toBe(false)
  expect(readdirSync(outside)).toEqual(['precious'])
})

test('a claim is not taken from under a pod that has it', async () => {
  await claimOf('held')
  await runWith('held', 'holder', 'echo kept > data/file')
  const path = (await volumeOf('held')).spec?.local?.path ?? ''
  await client.delete(persistentVolumeClaims, { namespace, name: 'held' })
  await eventually(
    () => client.get(persistentVolumeClaims, { namespace, name: 'held' }),
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  )
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('kept\n')
  await remove(pods, 'holder')
  await eventually(
    () => Promise.resolve(existsSync(path)),
    there => !there,
    waitMs,
  )
})

test('what is to be kept is kept: the volume goes when it is deleted, the data do not', async () => {
  await client.create(storageClasses, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'keep' },
    provisioner: 'raftsman.dev/local',
    reclaimPolicy: 'Retain',
    volumeBindingMode: 'WaitForFirstConsumer',
  })
  await claimOf('lasting', { storageClassName: 'keep' })
  await runWith('lasting', 'writer', 'echo kept > data/file')
  const { metadata, spec } = await volumeOf('lasting')
  const name = metadata.name ?? ''
  const file = join(spec?.local?.path ?? '', 'file')
  await remove(pods, 'writer')
  await remove(persistentVolumeClaims, 'lasting')
  await eventually(
    () => client.get(persistentVolumes, { name }),
    ({ status }) => status?.phase === 'Released',
    waitMs,
  )
  expect(readFileSync(file, 'utf8')).toBe('kept\n')
  await remove(persistentVolumes, name)
  expect(readFileSync(file, 'utf8')).toBe('kept\n')
})

test('what was given up while the node was away goes when it is back', async () => {
  await claimOf('away')
  await runWith('away', 'writer', 'echo kept > data/file')
  const { metadata, spec } = await volumeOf('away')
  const path = spec?.local?.path ?? ''
  await remove(pods, 'writer')
  await node?.stop()
  await remove(persistentVolumeClaims, 'away')
  const name = metadata.name ?? ''
  await eventually(
    () => client.get(persistentVolumes, { name }),
    ({ status }) => status?.phase === 'Released',
    waitMs,
  )
  expect(existsSync(join(path, 'file'))).toBe(true)
  await start()
  await eventually(() => isGone(persistentVolumes, name), Boolean, waitMs)
  expect(existsSync(path)).toBe(false)
})

test('a volume that an administrator made is mounted, and recycled where that is wished', async () => {
  const path = join(directory, 'shelf')
  mkdirSync(path)
  writeFileSync(join(path, 'hello'), 'there\n')
  await client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'shelf' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'shelf',
      persistentVolumeReclaimPolicy: 'Recycle',
      hostPath: { path },
    },
  })
  await claimOf('own', { storageClassName: 'shelf' })
  await runWith('own', 'reader', 'test "$(cat data/hello)" = there && touch data/.hidden')
  await remove(pods, 'reader')
  await remove(persistentVolumeClaims, 'own')
  await eventually(
    () => client.get(persistentVolumes, { name: 'shelf' }),
    ({ spec, status }) => status?.phase === 'Available' && spec?.claimRef === undefined,
    waitMs,
  )
  expect(readdirSync(path)).toEqual([])
})

test('a pod says what keeps it from its claim', async () => {
  await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'waiting' },
    spec: {
      nodeName,
      containers: [{ name: 'c', image: 'host', command: ['true'] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'none' } }],
    },
  })
  await eventually(
    () => client.list(events, { namespace }),
    ({ items }) =>
      items.some(
        ({ reason, message }) =>
          reason === 'FailedMount' &&
          message === 'MountVolume.SetUp failed : persistentvolumeclaim "none" not found',
      ),
    waitMs,
  )
})
