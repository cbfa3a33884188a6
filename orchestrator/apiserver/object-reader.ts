// get, list and the opening of watches. Reads without a resourceVersion wait until the cache holds
// what any master has confirmed; pages of a list are read from the store at one revision.
// Counterpart: storage/cacher and etcd3/store.go.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import { filterInTurns, roomInTurn } from '../../platform/turns.js'
import type { Store } from '../../store/client/types.js'
import type { KeyValue, RangeResponse } from '../../store/core/types.js'
import type { Kind } from '../api/kind.js'
import type { ListMeta } from '../api/object.js'
import { storedKind } from '../api/stored-version.js'
import { ApiError, expired, notFound, timeout } from '../api/status.js'
import { decodeContinue, encodeContinue } from './continue-token.js'
import {
  collectionPrefix,
  keyBytes,
  keyText,
  objectKey,
  prefixEnd,
  resourceId,
  resourceOfKind,
} from './keys.js'
import { compileFilter } from './object-filter.js'
import type { ObjectFilter } from './object-filter.js'
import { storeError } from './object-storage.js'
import type { GetOptions, ListOptions } from './query-options.js'
import { CacheBehindError, successor } from './registry-cache.js'
import type { ConversionClient } from './conversion-client.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceCache } from './resource-cache.js'
import { StoredObject } from './stored-object.js'

/** How long a read waits for the cache before the client is asked to come again. */
const freshMs = 10_000
const tooLargeVersionMs = 3_000
const storePageKeys = 500
const newest: GetOptions = { resourceVersion: '', resourceVersionMatch: null }

export interface ListResult {
  readonly items: readonly StoredObject[]
  readonly meta: ListMeta
}

/** Where a watch begins. */
export interface WatchStart {
  /** The cursor's window. Another one in the cache means that it has started over. */
  readonly window: ResourceCache
  /** Sent first, as ADDED. */
  readonly initial: readonly StoredObject[]
  readonly cursor: number
  /** Everything up to here is covered by `initial` or needs no sending. */
  readonly revision: number
}

export class ObjectReader {
  readonly #store: Store
  readonly #cache: RegistryCache
  readonly #conversions: ConversionClient | null
  readonly #clock: Clock

  /** `conversions` null: there are no custom kinds. */
  constructor(
    store: Store,
    cache: RegistryCache,
    conversions: ConversionClient | null,
    clock: Clock,
  ) {
    this.#store = store
    this.#cache = cache
    this.#conversions = conversions
    this.#clock = clock
  }

  /** Throws ApiError NotFound, and Expired for an exact version that is not kept any more. */
  async get(
    kind: Kind,
    namespace: string,
    name: string,
    { resourceVersion, resourceVersionMatch }: GetOptions = newest,
  ): Promise<StoredObject> {
    if (resourceVersionMatch === 'Exact') {
      return await this.#getInStore(kind, namespace, name, Number(resourceVersion))
    }
    await this.#settle(resourceVersion)
    const found = this.cached(kind, namespace, name)
    if (found === undefined) throw notFound(storedKind(kind), name)
    await this.#conversions?.ready(kind, [found])
    return found
  }

  /** What the cache holds at this moment, however old. */
  cached(kind: Kind, namespace: string, name: string): StoredObject | undefined {
    const { group, plural, namespaced } = storedKind(kind)
    return this.cachedAt(group, plural, namespaced ? namespace : '', name)
  }

  /** The same for a kind that is known by name only; namespace '' outside of namespaces. */
  cachedAt(
    group: string,
    plural: string,
    namespace: string,
    name: string,
  ): StoredObject | undefined {
    const id = resourceId(group, plural)
    return this.#cache.resource(id).get(objectKey(id, namespace, name))
  }

  /** All objects of a kind in the cache, in one namespace or ('') in all. */
  cachedList(group: string, plural: string, namespace: string): readonly StoredObject[] {
    const id = resourceId(group, plural)
    return this.#cache.resource(id).list(collectionPrefix(id, namespace))
  }

  /** Resolves once the cache holds what any master has confirmed, or all up to a revision. Throws ApiError. */
  async fresh(revision?: number): Promise<void> {
    await this.#guard(async () => {
      if (revision === undefined) await this.#cache.waitUntilFresh(freshMs)
      else await this.#cache.waitFor(revision, freshMs)
    })
  }

  /** Throws ApiError. */
  async list(kind: Kind, namespace: string, options: ListOptions): Promise<ListResult> {
    const id = resourceOfKind(kind)
    const prefix = collectionPrefix(id, kind.namespaced ? namespace : '')
    const filter = compileFilter(kind, options.labelSelector, options.fieldSelector, '')
    if (options.continueToken !== '') {
      const token = decodeContinue(options.continueToken)
      return this.#listInStore(kind, prefix, filter, options.limit, token.revision, token.start)
    }
    const { resourceVersion, resourceVersionMatch, limit } = options
    const past = resourceVersion !== '' && resourceVersion !== '0'
    const exact = resourceVersionMatch === 'Exact' || (resourceVersionMatch === null && limit > 0)
    if (past && exact) {
      return this.#listInStore(kind, prefix, filter, limit, Number(resourceVersion), '')
    }
    await this.#settle(resourceVersion)
    if (filter !== null) await roomInTurn(this.#clock)
    const revision = this.#cache.revision
    const all = this.#cache.resource(id).list(prefix)
    await this.#conversions?.ready(kind, all)
    const items = filter === null ? all : await filterInTurns(all, filter, this.#clock)
    if (limit <= 0 || items.length <= limit) {
      return { items, meta: { resourceVersion: String(revision) } }
    }
    const page = items.slice(0, limit)
    const next = items[limit] as StoredObject
    return {
      items: page,
      meta: {
        resourceVersion: String(revision),
        continue: encodeContinue({ revision, start: next.key.slice(prefix.length) }),
        ...(filter === null ? { remainingItemCount: items.length - limit } : {}),
      },
    }
  }

  /** Throws ApiError: Expired when changes after `resourceVersion` are not at hand any more. */
  async startWatch(
    kind: Kind,
    namespace: string,
    options: ListOptions,
    filter: ObjectFilter | null,
  ): Promise<WatchStart> {
    const id = resourceOfKind(kind)
    const prefix = collectionPrefix(id, kind.namespaced ? namespace : '')
    const { resourceVersion, sendInitialEvents } = options
    const past = resourceVersion !== '' && resourceVersion !== '0'
    const withState = sendInitialEvents ?? !past
    if (!withState && past) {
      await this.#guard(() => this.#cache.waitFor(0, freshMs))
      const cache = this.#cache.resource(id)
      const revision = Number(resourceVersion)
      const cursor = cache.cursorBehind(revision)
      if (cursor === null) {
        throw expired(`too old resource version: ${resourceVersion} (${cache.windowStart})`)
      }
      return { window: cache, initial: [], cursor, revision }
    }
    await this.#settle(resourceVersion)
    if (withState && filter !== null) await roomInTurn(this.#clock)
    const cache = this.#cache.resource(id)
    const state = withState ? cache.list(prefix) : []
    const cursor = cache.endSequence
    const { revision } = this.#cache
    await this.#conversions?.ready(kind, state)
    return {
      window: cache,
      initial: filter === null ? state : await filterInTurns(state, filter, this.#clock),
      cursor,
      revision,
    }
  }

  /** Waits for what `resourceVersion` asks for: '' the newest, '0' anything, else not older. */
  async #settle(resourceVersion: string): Promise<void> {
    if (resourceVersion === '') return this.fresh()
    try {
      await this.#cache.waitFor(Number(resourceVersion), tooLargeVersionMs)
    } catch (error) {
      if (!(error instanceof CacheBehindError) || !this.#cache.synced) throw storeError(error)
      throw tooLargeVersion(resourceVersion, error.current)
    }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw storeError(error)
    }
  }

  async #getInStore(
    kind: Kind,
    namespace: string,
    name: string,
    revision: number,
  ): Promise<StoredObject> {
    const id = resourceId(kind.group, kind.plural)
    const key = keyBytes(objectKey(id, kind.namespaced ? namespace : '', name))
    try {
      const { kvs } = await this.#store.range({ key, revision })
      const [found] = kvs
      if (found === undefined) throw notFound(kind, name)
      return fromKeyValue(found)
    } catch (error) {
      return this.#refusePast(error, revision, expired(tooOldText))
    }
  }

  /** What a read at an exact revision failed with, as the client is told it. */
  #refusePast(error: unknown, revision: number, compacted: ApiError): never {
    if (!(error instanceof RaftsmanError)) throw error
    if (error.code === 'compacted') throw compacted
    if (error.code === 'future-revision') {
      throw tooLargeVersion(String(revision), this.#cache.revision)
    }
    throw storeError(error)
  }

  async #listInStore(
    kind: Kind,
    prefix: string,
    filter: ObjectFilter | null,
    limit: number,
    atRevision: number,
    start: string,
  ): Promise<ListResult> {
    const items: StoredObject[] = []
    let key = keyBytes(prefix + start)
    let revision = atRevision
    for (;;) {
      const page = await this.#page(prefix, key, revision, limit, start)
      if (revision === -1) revision = page.header.revision
      const found = page.kvs.map(fromKeyValue)
      await this.#conversions?.ready(kind, found)
      for (const [index, kv] of page.kvs.entries()) {
        const stored = found[index] as StoredObject
        if (filter !== null && !filter(stored)) continue
        items.push(stored)
        if (limit > 0 && items.length === limit) {
          const left = page.count - index - 1
          return { items, meta: pageMeta(revision, kv, prefix, left, filter === null) }
        }
      }
      const last = page.kvs[page.kvs.length - 1]
      if (!page.more || last === undefined) {
        return { items, meta: { resourceVersion: String(revision) } }
      }
      key = successor(last.key)
    }
  }

  async #page(
    prefix: string,
    key: Uint8Array,
    revision: number,
    limit: number,
    start: string,
  ): Promise<RangeResponse> {
    try {
      return await this.#store.range({
        key,
        end: prefixEnd(prefix),
        limit: limit > 0 ? Math.min(limit, storePageKeys) : storePageKeys,
        ...(revision > 0 ? { revision } : {}),
      })
    } catch (error) {
      const compacted = expiredList(keyText(key).slice(prefix.length), start)
      return this.#refusePast(error, revision, compacted)
    }
  }
}

function fromKeyValue(kv: KeyValue): StoredObject {
  return new StoredObject(keyText(kv.key), kv.modRevision, kv.value.slice())
}

function pageMeta(
  revision: number,
  last: KeyValue,
  prefix: string,
  left: number,
  countKnown: boolean,
): ListMeta {
  if (left <= 0) return { resourceVersion: String(revision) }
  // A NUL behind the last key is the smallest key above it.
  const start = `${keyText(last.key).slice(prefix.length)}\0`
  return {
    resourceVersion: String(revision),
    continue: encodeContinue({ revision, start }),
    ...(countKnown ? { remainingItemCount: left } : {}),
  }
}

const tooOldText = 'The resourceVersion for the provided list is too old.'
const inconsistentText =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

function expiredList(next: string, start: string): ApiError {
  if (start === '') return expired(tooOldText)
  const error = expired(inconsistentText)
  const metadata = { continue: encodeContinue({ revision: -1, start: next }) }
  return new ApiError({ ...error.status, metadata })
}

/** The client has seen a revision that this cache has not: it shall come again in a second. */
function tooLargeVersion(wanted: string, current: number): ApiError {
  const error = timeout(`Too large resource version: ${wanted}, current: ${current}`, 1)
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  return new ApiError({ ...error.status, details: { ...error.status.details, causes } })
}
