// Gives back cluster IPs and node ports that no Service holds. Our own transactions cannot leak
// them; a restored backup or a hand in the store can. Counterpart: the repair loops of
// registry/core/service.

import type { Logger } from '../../platform/logger.js'
import type { Store } from '../../store/client/types.js'
import { keyBytes, keyText, prefixEnd } from './keys.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import { successor } from './registry-cache.js'
import { heldKeys } from './service-allocation.js'

const allocationsPrefix = '/allocations/'
const pageKeys = 500
const freshMs = 10_000

export interface AllocationRepair {
  readonly store: Store
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly logger: Logger
}

/** Rejects when the store does not take part; call again. */
export async function releaseLeakedAllocations(parts: AllocationRepair): Promise<void> {
  const { store, reader, cache, logger } = parts
  let key = keyBytes(allocationsPrefix)
  for (;;) {
    const page = await store.range({
      key,
      end: prefixEnd(allocationsPrefix),
      limit: pageKeys,
      keysOnly: true,
    })
    // A number and its Service are written together: one that is here at this revision has its
    // Service in a cache that has come as far, or none.
    await cache.waitFor(page.header.revision, freshMs)
    const held = new Set(
      reader.cachedList('', 'services', '').flatMap(service => heldKeys(service.object)),
    )
    for (const { key: found, modRevision } of page.kvs) {
      if (held.has(keyText(found))) continue
      // Somebody may have taken it since: then it is another version of the key.
      const answer = await store.txn({
        compare: [{ key: found, target: 'mod', modRevision, result: 'equal' }],
        success: [{ kind: 'deleteRange', request: { key: found } }],
        failure: [],
      })
      if (answer.succeeded) logger.warn({ allocation: keyText(found) }, 'gave back a leaked number')
    }
    const last = page.kvs[page.kvs.length - 1]
    if (!page.more || last === undefined) return
    key = successor(last.key)
  }
}
