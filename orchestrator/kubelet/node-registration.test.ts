import { expect, test } from 'vitest'
import type { Files } from '../../platform/files.js'
import { silentLogger } from '../../platform/logger.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { settle, VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Lease } from '../api/types/coordination.js'
import { EventRecorder } from '../client/event-recorder.js'
import { ApiClient } from '../client/rest-client.js'
import { ScriptedTransport, status } from '../client/testing/scripted-transport.js'
import { NodeRegistration } from './node-registration.js'
import { newNode, type NodeDescription } from './node-status.js'

const description: NodeDescription = {
  name: 'n1',
  hostAddress: '127.0.0.1',
  kubeletPort: 10_250,
  runtimeVersion: 'process://0.1.0',
  labels: {},
  capacity: {},
  localVolumesDirectory: '/data/local-volumes',
  facts: {
    machineId: 'm',
    systemUuid: 's',
    bootId: 'b',
    kernelVersion: '6',
    osImage: 'Linux',
    operatingSystem: 'linux',
    architecture: 'amd64',
    cpus: 8,
    memoryBytes: 2 ** 33,
    diskBytes: 2 ** 40,
  },
}

/** A machine of which nothing is known but that it has room. */
const files = {
  read: () => Promise.resolve(null),
  space: () => Promise.resolve({ totalBytes: 2 ** 40, freeBytes: 2 ** 39 }),
} as Partial<Files> as Files

function registered(up: () => boolean) {
  const clock = new VirtualClock()
  const made = newNode(description)
  const node = { ...made, metadata: { ...made.metadata, uid: 'uid-n1' } }
  let lease: Lease | null = null
  const renewedMs: number[] = []
  const transport = new ScriptedTransport(({ method, path, body }) => {
    if (!up()) return 'lost'
    if (path.includes('/events')) return { status: 201, body: {} }
    if (!path.includes('/leases')) return { status: 200, body: node }
    if (method === 'GET')
      return lease === null ? status(404, 'NotFound') : { status: 200, body: lease }
    lease = JSON.parse(body ?? '{}') as Lease
    renewedMs.push(clock.monotonicMs())
    return { status: 200, body: lease }
  })
  const client = new ApiClient({ transport })
  const parts = { client, clock, random: seededRandom(1), logger: silentLogger }
  const registration = new NodeRegistration({
    client,
    recorder: new EventRecorder({ ...parts, component: 'kubelet' }),
    clock,
    files,
    logger: silentLogger,
    description: () => description,
    dataDirectory: '/data',
    onNode: () => {},
  })
  registration.setNotReady(null)
  registration.start()
  return { clock, registration, renewedMs, leaseNow: () => lease }
}

test('Node lifecycle: a node renews its Lease every 10 s, and it is good for 40', async () => {
  const { clock, registration, renewedMs, leaseNow } = registered(() => true)
  await clock.pass(35_000)
  const began = renewedMs[0] ?? 0
  expect(renewedMs.map(ms => ms - began)).toEqual([0, 10_000, 20_000, 30_000])
  expect(leaseNow()).toMatchObject({
    metadata: { name: 'n1', ownerReferences: [{ kind: 'Node', name: 'n1', uid: 'uid-n1' }] },
    spec: { holderIdentity: 'n1', leaseDurationSeconds: 40 },
  })
  registration.close()
  await clock.pass(60_000)
  expect(renewedMs).toHaveLength(4)
})

test('Node lifecycle: where calls are lost it asks again every second, and is back within one', async () => {
  let up = true
  const { clock, registration, renewedMs } = registered(() => up)
  await clock.pass(5_000)
  up = false
  await clock.pass(20_000)
  const before = renewedMs.length
  up = true
  await clock.pass(1_000)
  await settle()
  expect(renewedMs.length).toBe(before + 1)
  registration.close()
})
