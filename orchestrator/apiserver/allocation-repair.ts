// Sets right what Services hold: gives back cluster IPs and node ports that no Service has, and makes
// the address of a Service again that is not there. Our own transactions leave nothing to do; a
// restored backup, an older version or a user's hand can. Counterpart: the repair loops of
// registry/core/service.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { Store } from '../../store/client/types.js'
import { collectionPrefix, keyBytes, keyText, prefixEnd } from './keys.js'
import { newIdentity } from './object-identity.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import { successor } from './registry-cache.js'
import {
  addressOfKey,
  addressResource,
  isServiceAddress,
  serviceAddress,
} from './service-address.js'
import { heldKeys } from './service-allocation.js'
import { encodeObject, StoredObject } from './stored-object.js'

const pageKeys = 500
const freshMs = 10_000

export interface AllocationRepair {
  readonly store: Store
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Rejects when the store does not take part; call again. */
export async function repairAllocations(parts: AllocationRepair): Promise<void> {
  await releaseLeaked(parts, '/allocations/')
  await releaseLeaked(parts, collectionPrefix(addressResource, ''))
  await restoreAddresses(parts)
}

async function releaseLeaked(parts: AllocationRepair, prefix: string): Promise<void> {
  const { store, reader, cache, logger } = parts
  let key = keyBytes(prefix)
  for (;;) {
    const page = await store.range({ key, end: prefixEnd(prefix), limit: pageKeys })
    // A number and its Service are written together: one that is here at this revision has its
    // Service in a cache that has come as far, or none.
    await cache.waitFor(page.header.revision, freshMs)
    const held = new Set(
      reader.cachedList('', 'services', '').flatMap(service => heldKeys(service.object)),
    )
    for (const { key: found, modRevision, value } of page.kvs) {
      const name = keyText(found)
      if (held.has(name) || isKeptByUser(name, value)) continue
      // Somebody may have taken it since: then it is another version of the key.
      const answer = await store.txn({
        compare: [{ key: found, target: 'mod', modRevision, result: 'equal' }],
        success: [{ kind: 'deleteRange', request: { key: found } }],
        failure: [],
      })
      if (answer.succeeded) logger.warn({ allocation: name }, 'gave back a leaked number')
    }
    const last = page.kvs[page.kvs.length - 1]
    if (!page.more || last === undefined) return
    key = successor(last.key)
  }
}

function isKeptByUser(key: string, value: Uint8Array): boolean {
  return addressOfKey(key) !== null && !isServiceAddress(new StoredObject(key, 0, value).object)
}

async function restoreAddresses(parts: AllocationRepair): Promise<void> {
  const { store, reader, clock, random, logger } = parts
  for (const service of reader.cachedList('', 'services', '')) {
    for (const key of heldKeys(service.object)) {
      const ip = addressOfKey(key)
      if (ip === null || reader.cachedAt('networking.k8s.io', 'ipaddresses', '', ip)) continue
      const address = serviceAddress(ip, service.object, newIdentity(clock, random))
      // Only for the Service as it was read, which may have given the address up.
      const answer = await store.txn({
        compare: [
          { key: keyBytes(key), target: 'version', version: 0, result: 'equal' },
          {
            key: keyBytes(service.key),
            target: 'mod',
            modRevision: service.revision,
            result: 'equal',
          },
        ],
        success: [{ kind: 'put', request: { key: keyBytes(key), value: encodeObject(address) } }],
        failure: [],
      })
      if (answer.succeeded) logger.info({ ip, service: service.key }, 'made an address again')
    }
  }
}
