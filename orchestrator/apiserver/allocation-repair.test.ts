import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import { LocalStore } from '../../store/local-store.js'
import type { KubeObject } from '../api/object.js'
import { repairAllocations } from './allocation-repair.js'
import { keyBytes, keyText } from './keys.js'
import { ObjectReader } from './object-reader.js'
import { RegistryCache } from './registry-cache.js'
import { addressKey, serviceAddress } from './service-address.js'
import { encodeObject, StoredObject } from './stored-object.js'
import { objectOf } from './testing/objects.js'

const clock = nodeClock()
let store: LocalStore
let cache: RegistryCache

beforeEach(() => {
  store = new LocalStore()
  cache = new RegistryCache({ store, clock, logger: silentLogger })
  cache.start()
})

afterEach(() => {
  cache.close()
  store.close()
})

const service = (name: string, ip: string) =>
  objectOf(
    'Service',
    { name, namespace: 'default' },
    { spec: { clusterIP: ip, ports: [{ port: 80, nodePort: 30_001 }] } },
  )

async function put(key: string, object: KubeObject): Promise<void> {
  await store.put({ key: keyBytes(key), value: encodeObject(object) })
}

async function putService(name: string, ip: string): Promise<void> {
  await put(`/registry/core/services/default/${name}`, service(name, ip))
}

async function putAddress(ip: string, holder: string): Promise<void> {
  const identity = { uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' }
  await put(addressKey(ip), serviceAddress(ip, service(holder, ip), identity))
}

async function keysBelow(prefix: string): Promise<readonly string[]> {
  const end = keyBytes(`${prefix.slice(0, -1)}0`)
  const { kvs } = await store.range({ key: keyBytes(prefix), end })
  return kvs.map(kv => keyText(kv.key))
}

async function repair(): Promise<void> {
  const reader = new ObjectReader(store, cache, null, nodeClock())
  await cache.waitUntilFresh(10_000)
  const shared = { clock, random: nodeRandom(), logger: silentLogger }
  await repairAllocations({ store, reader, cache, ...shared })
}

test('numbers that no Service holds are given back, those of Services are not', async () => {
  await putService('s', '10.96.0.5')
  await putAddress('10.96.0.5', 's')
  await putAddress('10.96.0.6', 'gone')
  for (const port of [30_001, 30_002]) {
    await store.put({ key: keyBytes(`/allocations/nodeport/${port}`), value: keyBytes('x') })
  }
  // As versions before wrote them.
  await store.put({ key: keyBytes('/allocations/clusterip/10.96.0.5'), value: keyBytes('x') })
  await repair()
  expect(await keysBelow('/allocations/')).toEqual(['/allocations/nodeport/30001'])
  expect(await keysBelow('/registry/networking.k8s.io/')).toEqual([addressKey('10.96.0.5')])
})

test('an address that a user keeps stays', async () => {
  const own = objectOf('IPAddress', { name: '10.96.0.9' }, {}, 'networking.k8s.io/v1')
  await put(addressKey('10.96.0.9'), own)
  await repair()
  expect(await keysBelow('/registry/networking.k8s.io/')).toEqual([addressKey('10.96.0.9')])
})

test('the address of a Service is made again', async () => {
  await putService('s', '10.96.0.5')
  await putService('headless', 'None')
  await repair()
  const { kvs } = await store.range({ key: keyBytes(addressKey('10.96.0.5')) })
  const [made] = kvs.map(kv => new StoredObject('', 0, kv.value).object)
  expect(made).toMatchObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: '10.96.0.5',
      labels: {
        'ipaddress.kubernetes.io/ip-family': 'IPv4',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator',
      },
    },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } },
  })
  expect(await keysBelow('/registry/networking.k8s.io/')).toHaveLength(1)
})
