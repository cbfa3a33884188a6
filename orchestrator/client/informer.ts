// A local copy of one kind, kept by list and watch; counterpart: client-go's Reflector and
// SharedIndexInformer. One informer a kind serves a whole process. Left out: periodic resync:
// handlers are level-based and queues retry, so it would only burn an idle machine's CPU.
//
//   list --> watch from its version --end or break--> watch from the last version seen
//     ^                                     |
//     +------------- 410 Gone --------------+

import type { Clock, Timer } from '../../platform/clock.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { KubeObject } from '../api/object.js'
import { isExpired } from './api-error.js'
import { Backoff } from './backoff.js'
import { type IndexFunction, type ObjectReader, ObjectStore } from './object-store.js'
import { isNewerVersion } from './resource-version.js'
import { objectKey, type Resource, resourceKey } from './resources.js'
import type { ApiClient, Selection } from './rest-client.js'
import { TransportError } from './transport.js'
import type { Watch, WatchEvent } from './watch.js'

export interface EventHandlers<T extends KubeObject> {
  readonly onAdd?: (object: T) => void
  readonly onUpdate?: (object: T, old: T) => void
  /** With the last state known; the final one may have been missed. */
  readonly onDelete?: (object: T) => void
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: ApiClient
  readonly resource: Resource<T>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly selection?: Selection
  /** Applied before an object is stored, to drop what nobody here reads. */
  readonly transform?: (object: T) => T
}

export class Informer<T extends KubeObject> {
  private readonly options: InformerOptions<T>
  private readonly logger: Logger
  private readonly store = new ObjectStore<T>()
  private readonly backoff: Backoff
  private handlers: readonly EventHandlers<T>[] = []
  private syncWaiters: (() => void)[] = []
  private state: 'new' | 'running' | 'stopped' = 'new'
  private synced = false
  private version = ''
  private watch: Watch | null = null
  private retry: Timer | null = null

  constructor(options: InformerOptions<T>) {
    this.options = options
    this.logger = options.logger.child({ resource: resourceKey(options.resource) })
    this.backoff = new Backoff(options.random, { firstMs: 500, factor: 2, maxMs: 15_000 })
  }

  get objects(): ObjectReader<T> {
    return this.store
  }

  get resource(): Resource<T> {
    return this.options.resource
  }

  /** The first list is in the store and its `onAdd`s have been called. */
  get hasSynced(): boolean {
    return this.synced
  }

  /** The newest version of the collection known here; '' before the first list. */
  get resourceVersion(): string {
    return this.version
  }

  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.store.addIndex(name, valuesOf)
  }

  /** A late handler is told of everything that is here. Returns a function that takes it off. */
  addHandlers(handlers: EventHandlers<T>): () => void {
    this.handlers = [...this.handlers, handlers]
    for (const object of this.store.list()) handlers.onAdd?.(object)
    return () => {
      this.handlers = this.handlers.filter(other => other !== handlers)
    }
  }

  start(): void {
    if (this.state !== 'new') return
    this.state = 'running'
    void this.list()
  }

  stop(): void {
    this.state = 'stopped'
    this.watch?.stop()
    this.watch = null
    this.retry?.cancel()
    this.retry = null
    this.handlers = []
    for (const wake of this.syncWaiters.splice(0)) wake()
  }

  /** Resolves once synced, or when stopped before that. */
  whenSynced(): Promise<void> {
    if (this.synced || this.state === 'stopped') return Promise.resolve()
    return new Promise(resolve => {
      this.syncWaiters.push(resolve)
    })
  }

  private async list(): Promise<void> {
    const { client, resource, selection } = this.options
    let listed: Awaited<ReturnType<typeof client.listAll<T>>>
    try {
      listed = await client.listAll(resource, selection)
    } catch (error) {
      if (this.state !== 'running') return
      this.logger.warn({ error: String(error) }, 'list failed')
      this.later(() => void this.list())
      return
    }
    if (this.state !== 'running') return
    // Outside of the try: what a handler throws is a bug and must end the process.
    this.replace(listed.items)
    this.version = listed.resourceVersion
    this.synced = true
    for (const wake of this.syncWaiters.splice(0)) wake()
    this.startWatch()
  }

  private startWatch(): void {
    const { client, resource, selection, random, clock } = this.options
    const startedMs = clock.monotonicMs()
    this.watch = client.watch(
      resource,
      {
        ...selection,
        resourceVersion: this.version,
        // Spread, so that watches that began together do not all come back together.
        timeoutSeconds: 300 + random.integer(300),
      },
      {
        onEvent: event => {
          this.backoff.reset()
          this.apply(event)
        },
        onEnd: error => this.watchEnded(error, clock.monotonicMs() - startedMs),
      },
    )
  }

  private watchEnded(error: RaftsmanError | null, lastedMs: number): void {
    if (this.state !== 'running') return
    this.watch = null
    if (isExpired(error)) {
      this.logger.info({}, 'watch version expired, listing again')
      this.version = ''
      this.later(() => void this.list())
      return
    }
    // One that held for a while and broke is no sign of trouble ahead; resume at once.
    if (lastedMs >= 5000) this.backoff.reset()
    const cut = error instanceof TransportError && error.code === 'api-connection-lost'
    if ((error === null || cut) && lastedMs >= 5000) {
      this.startWatch()
      return
    }
    if (error) this.logger.debug({ error: error.message }, 'watch broke')
    this.later(() => this.startWatch())
  }

  private later(action: () => void): void {
    this.retry?.cancel()
    this.retry = this.options.clock.setTimer(this.backoff.nextMs(), () => {
      this.retry = null
      if (this.state === 'running') action()
    })
  }

  private replace(items: readonly T[]): void {
    const seen = new Set<string>()
    for (const item of items) {
      seen.add(objectKey(item))
      this.upsert(item)
    }
    for (const key of this.store.keys()) {
      if (!seen.has(key)) this.remove(key)
    }
  }

  private apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.advance(event.resourceVersion)
      return
    }
    const version = event.object.metadata.resourceVersion ?? ''
    const key = objectKey(event.object)
    const known = this.store.get(key)?.metadata.resourceVersion
    // An event older than what we hold would take the copy back in time.
    if (known !== undefined && isNewerVersion(known, version)) return
    // Before anybody is told: who asks how far this is has the object by then.
    this.advance(version)
    if (event.type === 'DELETED') this.remove(key)
    else this.upsert(event.object)
  }

  private advance(version: string): void {
    if (isNewerVersion(version, this.version)) this.version = version
  }

  private upsert(received: T): void {
    const object = this.options.transform?.(received) ?? received
    const old = this.store.get(objectKey(object))
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return
    this.store.set(object)
    if (old && old.metadata.uid !== object.metadata.uid) {
      // Deleted and created again while we were not looking: handlers see both.
      this.notify(handlers => handlers.onDelete?.(old))
      this.notify(handlers => handlers.onAdd?.(object))
    } else if (old) {
      this.notify(handlers => handlers.onUpdate?.(object, old))
    } else {
      this.notify(handlers => handlers.onAdd?.(object))
    }
  }

  private remove(key: string): void {
    const old = this.store.delete(key)
    if (old) this.notify(handlers => handlers.onDelete?.(old))
  }

  private notify(tell: (handlers: EventHandlers<T>) => void): void {
    for (const handlers of this.handlers) tell(handlers)
  }
}
