// All of /registry/ in memory, kept up by one watch on the store. One watch for all kinds gives
// one revision for all of them: "everything up to R has arrived" is a single number, which makes
// reads through any master as fresh as any master's (Kubernetes issue 59848).

import type { Clock, Timer } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import { turnMs } from '../../platform/turns.js'
import type { Store, Watch } from '../../store/client/types.js'
import type { KeyValue, WatchBatch } from '../../store/core/types.js'
import { keyBytes, keyText, prefixEnd, registryPrefix, resourceOfKey } from './keys.js'
import type { ResourceId } from './keys.js'
import { ResourceCache } from './resource-cache.js'
import { StoredObject } from './stored-object.js'

const pageKeys = 500
const retryMsMin = 100
const retryMsMax = 2_000
/** Progress is asked for again while somebody waits: a request may get lost in a reconnection. */
const progressRetryMs = 250
/** Between the beginnings of two readings, where one waits for the other. A lone reader never waits. */
const readingPaceMs = 4

export interface RegistryCacheOptions {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
}

export interface CacheListener {
  /** Events of the resource, or a newer revision, are there to be read. */
  readonly onChange: () => void
  /** The cache starts over: cursors into it are void. */
  readonly onReset: () => void
}

interface RevisionWaiter {
  readonly revision: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

/** The cache could not get as far as asked within the time given. */
export class CacheBehindError extends RaftsmanError {
  readonly current: number

  constructor(wanted: number, current: number) {
    super(`the cache is at revision ${current}, revision ${wanted} was asked for`, {
      code: 'apiserver-cache-behind',
      retryable: true,
      outcome: 'not-applied',
    })
    this.current = current
  }
}

export class RegistryCache {
  readonly #store: Store
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #registryEnd = prefixEnd(registryPrefix)
  #resources = new Map<ResourceId, ResourceCache>()
  #listeners = new Map<ResourceId, Set<CacheListener>>()
  /** Everything up to here has been applied; 0 before the first load. */
  #revision = 0
  #loadRevision = 0
  #watch: Watch | null = null
  #synced = false
  #closed = false
  #retryMs = retryMsMin
  #retryTimer: Timer | null = null
  #progressTimer: Timer | null = null
  #waiters: RevisionWaiter[] = []
  readonly #changed = new Set<ResourceId>()
  /** Who has not looked at the latest changes yet. */
  readonly #untold = new Set<CacheListener>()
  #flushScheduled = false
  #reading: Promise<number> | null = null
  #nextReading: Promise<number> | null = null
  #readingBeganMs = 0

  constructor(options: RegistryCacheOptions) {
    this.#store = options.store
    this.#clock = options.clock
    this.#logger = options.logger
  }

  get revision(): number {
    return this.#revision
  }

  /** Loaded once and following the store, as far as is known. */
  get synced(): boolean {
    return this.#synced
  }

  start(): void {
    this.#load().catch((error: unknown) => this.#retry(error))
  }

  close(): void {
    this.#closed = true
    this.#watch?.cancel()
    this.#watch = null
    this.#retryTimer?.cancel()
    this.#progressTimer?.cancel()
    for (const waiter of this.#waiters) {
      waiter.timer.cancel()
      waiter.reject(new CacheBehindError(waiter.revision, this.#revision))
    }
    this.#waiters = []
  }

  resource(id: ResourceId): ResourceCache {
    let cache = this.#resources.get(id)
    if (cache === undefined) {
      cache = new ResourceCache(id, this.#loadRevision)
      this.#resources.set(id, cache)
    }
    return cache
  }

  /** The returned function takes the listener away. */
  listen(id: ResourceId, listener: CacheListener): () => void {
    let listeners = this.#listeners.get(id)
    if (listeners === undefined) {
      listeners = new Set()
      this.#listeners.set(id, listeners)
    }
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      this.#untold.delete(listener)
    }
  }

  /** How many are told of every change of a resource. */
  listenerCount(id: ResourceId): number {
    return this.#listeners.get(id)?.size ?? 0
  }

  /** Resolves once everything that any master had confirmed when this was called is here. */
  async waitUntilFresh(timeoutMs: number): Promise<number> {
    const revision = await this.readRevision()
    await this.waitFor(revision, timeoutMs)
    return revision
  }

  /** Rejects with CacheBehindError when the revision does not arrive in time. */
  waitFor(revision: number, timeoutMs: number): Promise<void> {
    if (this.#synced && this.#revision >= revision) return Promise.resolve()
    if (this.#closed) return Promise.reject(new CacheBehindError(revision, this.#revision))
    return new Promise((resolve, reject) => {
      const waiter: RevisionWaiter = {
        revision,
        resolve,
        reject,
        timer: this.#clock.setTimer(timeoutMs, () => {
          this.#waiters = this.#waiters.filter(other => other !== waiter)
          reject(new CacheBehindError(revision, this.#revision))
        }),
      }
      this.#waiters.push(waiter)
      this.#askForProgress()
    })
  }

  /**
   * A revision that holds every write confirmed before the call: a linearizable read of nothing.
   * Calls of one moment share a read, but never one that was under way before they came.
   */
  readRevision(): Promise<number> {
    if (this.#nextReading !== null) return this.#nextReading
    if (this.#reading === null) return this.#beginReading()
    const begin = async () => {
      await this.#paced()
      this.#nextReading = null
      return this.#beginReading()
    }
    this.#nextReading = this.#reading.then(begin, begin)
    return this.#nextReading
  }

  /** Under load the reads of several milliseconds share a question, which costs every member a message. */
  #paced(): Promise<void> {
    const waitMs = this.#readingBeganMs + readingPaceMs - this.#clock.monotonicMs()
    if (waitMs <= 0) return Promise.resolve()
    return new Promise(resolve => {
      this.#clock.setTimer(waitMs, resolve)
    })
  }

  #beginReading(): Promise<number> {
    this.#readingBeganMs = this.#clock.monotonicMs()
    const reading = this.#store
      .range({ key: keyBytes(registryPrefix), countOnly: true })
      .then(answer => answer.header.revision)
    this.#reading = reading
    const done = () => {
      if (this.#reading === reading) this.#reading = null
    }
    reading.then(done, done)
    return reading
  }

  async #load(): Promise<void> {
    const resources = new Map<ResourceId, ResourceCache>()
    let key = keyBytes(registryPrefix)
    let revision = 0
    for (;;) {
      const page = await this.#store.range({
        key,
        end: this.#registryEnd,
        limit: pageKeys,
        ...(revision === 0 ? {} : { revision }),
      })
      if (revision === 0) revision = page.header.revision
      for (const kv of page.kvs) this.#loadOne(resources, kv, revision)
      const last = page.kvs[page.kvs.length - 1]
      if (!page.more || last === undefined) break
      key = successor(last.key)
    }
    if (this.#closed) return
    this.#replace(resources, revision)
    this.#watch = this.#store.watch(
      { key: keyBytes(registryPrefix), end: this.#registryEnd, startRevision: revision + 1 },
      {
        onBatch: batch => this.#onBatch(batch),
        onEnd: (error, compactRevision) => this.#onEnd(error, compactRevision),
      },
    )
    this.#synced = true
    this.#retryMs = retryMsMin
    this.#settleWaiters()
    if (this.#waiters.length > 0) this.#askForProgress()
  }

  #loadOne(resources: Map<ResourceId, ResourceCache>, kv: KeyValue, revision: number): void {
    const key = keyText(kv.key)
    const id = resourceOfKey(key)
    if (id === null) return
    let cache = resources.get(id)
    if (cache === undefined) {
      cache = new ResourceCache(id, revision)
      resources.set(id, cache)
    }
    cache.load(new StoredObject(key, kv.modRevision, kv.value.slice()))
  }

  #replace(resources: Map<ResourceId, ResourceCache>, revision: number): void {
    this.#resources = resources
    this.#loadRevision = revision
    this.#revision = revision
    for (const listeners of this.#listeners.values()) {
      for (const listener of listeners) listener.onReset()
    }
  }

  #onBatch(batch: WatchBatch): void {
    for (const event of batch.events) {
      const key = keyText(event.kv.key)
      const id = resourceOfKey(key)
      if (id === null) continue
      const cache = this.resource(id)
      if (event.kind === 'delete') cache.delete(key, event.kv.modRevision)
      else cache.put(new StoredObject(key, event.kv.modRevision, event.kv.value.slice()))
      this.#changed.add(id)
    }
    if (batch.revision > this.#revision) this.#revision = batch.revision
    this.#settleWaiters()
    if (this.#changed.size > 0 && !this.#flushScheduled) {
      // All events of one turn go to a watcher in one write.
      this.#flushScheduled = true
      this.#clock.defer(() => this.#flush())
    }
  }

  /** A thousand watchers are told in several turns, so that nobody waits for all of them. */
  #flush(): void {
    if (this.#closed) return
    for (const id of this.#changed) {
      for (const listener of this.#listeners.get(id) ?? []) this.#untold.add(listener)
    }
    this.#changed.clear()
    const sinceMs = this.#clock.monotonicMs()
    for (const listener of this.#untold) {
      this.#untold.delete(listener)
      listener.onChange()
      if (this.#clock.monotonicMs() - sinceMs >= turnMs) break
    }
    this.#flushScheduled = this.#untold.size > 0 || this.#changed.size > 0
    if (this.#flushScheduled) this.#clock.defer(() => this.#flush())
  }

  #onEnd(error: Error, compactRevision?: number): void {
    this.#watch = null
    this.#synced = false
    this.#logger.warn({ error: error.message, compactRevision }, 'store watch ended')
    this.#retry(error)
  }

  #retry(error: unknown): void {
    if (this.#closed) return
    this.#logger.warn({ error: String(error), retryMs: this.#retryMs }, 'cache not following store')
    this.#retryTimer?.cancel()
    this.#retryTimer = this.#clock.setTimer(this.#retryMs, () => this.start())
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
  }

  #settleWaiters(): void {
    if (!this.#synced) return
    const arrived = this.#waiters.filter(waiter => waiter.revision <= this.#revision)
    if (arrived.length === 0) return
    this.#waiters = this.#waiters.filter(waiter => waiter.revision > this.#revision)
    for (const waiter of arrived) {
      waiter.timer.cancel()
      waiter.resolve()
    }
  }

  #askForProgress(): void {
    if (this.#progressTimer !== null || this.#closed) return
    this.#watch?.requestProgress()
    this.#progressTimer = this.#clock.setTimer(progressRetryMs, () => {
      this.#progressTimer = null
      if (this.#waiters.length > 0) this.#askForProgress()
    })
  }
}

/** The smallest key above `key`. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
