// What a write costs the quotas of its namespace. The new totals are written in the transaction of the
// object itself, so a quota's status always is the sum of what is there: however many masters write,
// none overshoots, and nothing stays charged that was not stored. Where totals are missing, or would
// refuse, they are counted anew from a fresh cache; the compare on the quota makes that safe. So are those of a
// quota that this master meets for the first time: what was written before its cache knew of it was not charged.
// Whatever goes without a write of ours, as events that expire, the controller's recount takes off.
// Counterpart: apiserver/pkg/admission/plugin/resourcequota and the quota controller.

import type { Kind } from '../api/kind.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import { chargeQuota, countQuota, isCounted } from '../api/quota/charge.js'
import { namesFor } from '../api/quota/scope.js'
import { forbidden } from '../api/status.js'
import type { ResourceQuota } from '../api/types/core-quota.js'
import { withField } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import { storeError } from './object-storage.js'
import type { BesideWrite, ObjectStorage } from './object-storage.js'
import type { RegistryCache } from './registry-cache.js'
import { encodeObject } from './stored-object.js'
import type { StoredObject } from './stored-object.js'

const freshMs = 5_000
const metMax = 10_000

export interface QuotaLedgerOptions {
  readonly reader: ObjectReader
  readonly storage: ObjectStorage
  readonly cache: RegistryCache
}

/** `old` is null for a create, `object` for a delete. */
export interface QuotaWrite {
  readonly kind: Kind
  readonly key: string
  readonly object: KubeObject | null
  readonly old: KubeObject | null
}

export class QuotaLedger {
  readonly #options: QuotaLedgerOptions
  /** Uids of quotas whose totals were counted once with the quota in the cache. */
  readonly #met = new Set<string>()

  constructor(options: QuotaLedgerOptions) {
    this.#options = options
  }

  /** A quota whose limits are new, with what is used of them; any other object as it is. */
  counted(kind: Kind, object: KubeObject): KubeObject {
    if (kind.group !== '' || kind.plural !== 'resourcequotas') return object
    return isCounted(object) ? object : this.#recounted(object)
  }

  /**
   * What has to be written beside the object. `newest` asks the store for the quotas, after the cache's
   * were found to be old. Throws ApiError Forbidden.
   */
  async charges(write: QuotaWrite, newest: boolean): Promise<readonly BesideWrite[]> {
    const { kind, key } = write
    const namespace = (write.object ?? write.old)?.metadata.namespace ?? ''
    if (!kind.namespaced || namespace === '') return []
    const { reader, storage } = this.#options
    const charges: BesideWrite[] = []
    for (const cached of reader.cachedList('', 'resourcequotas', namespace)) {
      const concerned = namesFor((cached.object as ResourceQuota).spec?.hard, kind).length > 0
      // A quota that is being written is not written a second time in the same transaction.
      if (!concerned || cached.key === key) continue
      const quota = newest ? await storage.read(cached.key) : cached
      if (quota === null) continue
      const charge = await this.#charge(quota, write, newest)
      if (charge === 'stale') return this.charges(write, true)
      if (charge !== null) charges.push(charge)
    }
    return charges
  }

  async #charge(
    stored: StoredObject,
    { kind, object, old }: QuotaWrite,
    newest: boolean,
  ): Promise<BesideWrite | 'stale' | null> {
    let quota = stored.object
    let fresh = false
    for (;;) {
      const counted = fresh || (isCounted(quota) && this.#met.has(quota.metadata.uid ?? ''))
      const charge = counted ? chargeQuota(quota, kind, object, old) : null
      if (charge?.kind === 'none') return null
      if (charge?.kind === 'charged') {
        const value = encodeObject(withField(quota, 'status', charge.status as JsonObject))
        return { key: stored.key, expected: stored.revision, value }
      }
      if (charge !== null && fresh) {
        throw forbidden(kind, (object ?? old)?.metadata.name ?? '', charge.why)
      }
      if (charge !== null && !newest) return 'stale'
      await this.#refresh()
      quota = this.#recounted(quota)
      if (this.#met.size >= metMax) this.#met.clear()
      this.#met.add(quota.metadata.uid ?? '')
      fresh = true
    }
  }

  async #refresh(): Promise<void> {
    try {
      await this.#options.cache.waitUntilFresh(freshMs)
    } catch (error) {
      throw storeError(error)
    }
  }

  #recounted(object: KubeObject): KubeObject {
    const quota = object as ResourceQuota
    const namespace = quota.metadata.namespace ?? ''
    const { reader } = this.#options
    const status = countQuota(quota, ({ group, plural }) =>
      reader.cachedList(group, plural, namespace).map(stored => stored.object),
    )
    return withField(object, 'status', status as JsonObject)
  }
}
