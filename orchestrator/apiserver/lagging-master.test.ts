// A master whose watch on the store lags behind: its cache is old, its answers must not be.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { Store, WatchHandlers } from '../../store/client/types.js'
import type { WatchBatch, WatchRequest } from '../../store/core/types.js'
import { LocalStore } from '../../store/local-store.js'
import type { KubeObject } from '../api/object.js'
import { EventLease } from './event-lease.js'
import { keyBytes } from './keys.js'
import { ObjectReader } from './object-reader.js'
import { ObjectStorage } from './object-storage.js'
import { ObjectWriter } from './object-writer.js'
import { parseListOptions } from './query-options.js'
import { QuotaLedger } from './quota-ledger.js'
import { RegistryCache } from './registry-cache.js'
import { checkVersion } from './resource-endpoints.js'
import { encodeObject } from './stored-object.js'
import { kindOf, objectOf } from './testing/objects.js'

const kind = kindOf('configmaps')
const key = keyBytes('/registry/core/configmaps/default/a')
const object = (data: string): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { data } }) as KubeObject

let store: LocalStore
let cache: RegistryCache
let reader: ObjectReader
let writer: ObjectWriter
let hold: () => void
let release: () => void

/** The store, whose watches deliver nothing until released. */
function lagging(inner: LocalStore): Store {
  let held: (() => void)[] | null = []
  hold = () => {
    held ??= []
  }
  release = () => {
    const waiting = held ?? []
    held = null
    for (const deliver of waiting) deliver()
  }
  return new Proxy<Store>(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      if (name !== 'watch') return member.bind(target) as unknown
      return (request: WatchRequest, handlers: WatchHandlers) =>
        target.watch(request, {
          ...handlers,
          onBatch: (batch: WatchBatch) => {
            if (held === null) handlers.onBatch(batch)
            else held.push(() => handlers.onBatch(batch))
          },
        })
    },
  })
}

beforeEach(async () => {
  store = new LocalStore()
  const clock = nodeClock()
  const slow = lagging(store)
  cache = new RegistryCache({ store: slow, clock, logger: silentLogger })
  reader = new ObjectReader(slow, cache, null, nodeClock())
  const storage = new ObjectStorage(slow, clock)
  writer = new ObjectWriter({
    conversions: null,
    storage,
    quotas: new QuotaLedger({ reader, storage, cache }),
    reader,
    eventLease: new EventLease(slow, clock),
    clock,
    random: nodeRandom(),
  })
  await store.put({ key, value: encodeObject(object('old')) })
  cache.start()
  await cache.waitFor(0, 10_000)
})

afterEach(() => {
  cache.close()
  store.close()
})

const list = async (query: string) => {
  const options = parseListOptions(new URLSearchParams(query), false)
  const { items } = await reader.list(kind, 'default', options)
  return items.map(item => (item.object as unknown as { data: { data: string } }).data.data)
}

test('lists and gets wait for what others have confirmed', async () => {
  await store.put({ key, value: encodeObject(object('new')) })
  const listing = list('')
  const getting = reader.get(kind, 'default', 'a')
  // Whoever does not mind gets the old one meanwhile.
  expect(await list('resourceVersion=0')).toEqual(['old'])
  release()
  expect(await listing).toEqual(['new'])
  expect((await getting).object).toMatchObject({ data: { data: 'new' } })
})

test('a list not older than a revision waits for that one', async () => {
  const { header } = await store.put({ key, value: encodeObject(object('new')) })
  const listing = list(`resourceVersion=${header.revision}&resourceVersionMatch=NotOlderThan`)
  release()
  expect(await listing).toEqual(['new'])
})

test('a write is judged by the newest state, not by the old one at hand', async () => {
  const { header } = await store.put({ key, value: encodeObject(object('new')) })
  const wanted = object('newer')
  const versioned = {
    ...wanted,
    metadata: { ...wanted.metadata, resourceVersion: String(header.revision) },
  }
  const put = (next: KubeObject) =>
    writer.change(
      kind,
      'default',
      'a',
      current => {
        checkVersion(kind, next, current)
        return { kind: 'put', object: next }
      },
      false,
    )
  const { object: written } = await put(versioned)
  expect(written.revision).toBe(header.revision + 1)
  await expect(put(versioned)).rejects.toThrow('the object has been modified')
})

test('a change that seems to change nothing is compared with the newest state', async () => {
  await store.put({ key, value: encodeObject(object('new')) })
  const back = await writer.change(
    kind,
    'default',
    'a',
    () => ({ kind: 'put', object: object('old') }),
    false,
  )
  expect(back.object.object).toMatchObject({ data: { data: 'old' } })
  const now = await store.range({ key })
  expect(new TextDecoder().decode(now.kvs[0]?.value)).toContain('"data":"old"')
})

test('an object that is gone is not found, though the cache still has it', async () => {
  await store.deleteRange({ key })
  const change = writer.change(kind, 'default', 'a', () => ({ kind: 'remove' }), false)
  await expect(change).rejects.toThrow('configmaps "a" not found')
})

const service = objectOf('Service', { name: 's', namespace: 'default' }, { spec: {} })
const rangeKey = keyBytes('/registry/networking.k8s.io/servicecidrs/only')

async function putRange(metadata: Partial<KubeObject['metadata']>): Promise<void> {
  const range = objectOf(
    'ServiceCIDR',
    { name: 'only', ...metadata },
    { spec: { cidrs: ['10.0.0.0/29'] } },
    'networking.k8s.io/v1',
  )
  await store.put({ key: rangeKey, value: encodeObject(range) })
}

test('a range that has come elsewhere gives an address before anybody is refused', async () => {
  await putRange({})
  const creating = writer.create(kindOf('services'), service, false)
  release()
  expect((await creating).object).toMatchObject({
    spec: { clusterIPs: [expect.stringMatching(/^10\.0\.0\.[1-6]$/)] },
  })
})

test('a range that is going gives no address, though the cache does not know yet', async () => {
  release()
  await putRange({})
  await cache.waitUntilFresh(10_000)
  hold()
  await putRange({ deletionTimestamp: '2026-01-01T00:00:00Z' })
  const creating = writer.create(kindOf('services'), service, false)
  release()
  await expect(creating).rejects.toThrow('range is full')
  const { count } = await store.range({
    key: keyBytes('/registry/networking.k8s.io/ipaddresses/'),
    end: keyBytes('/registry/networking.k8s.io/ipaddresses0'),
    countOnly: true,
  })
  expect(count).toBe(0)
})
