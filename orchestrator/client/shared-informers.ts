// One informer a kind for all that run in a process, so that each kind is listed, watched and
// held once. Counterpart: client-go's SharedInformerFactory.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { KubeObject } from '../api/object.js'
import { Informer } from './informer.js'
import { type Resource, resourceKey } from './resources.js'
import type { ApiClient, Selection } from './rest-client.js'

export interface SharedInformersOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Narrows the informer of a kind, by its resourceKey, for everybody. */
  readonly selections?: ReadonlyMap<string, Selection>
}

export class SharedInformers {
  private readonly options: SharedInformersOptions
  private readonly informers = new Map<string, Informer<KubeObject>>()
  private started = false

  constructor(options: SharedInformersOptions) {
    this.options = options
  }

  /** The informer of all objects of a kind, started together with the others. */
  of<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    return this.informerOf(resource, null)
  }

  /**
   * For readers of metadata alone: the whole informer if somebody has one, else one that keeps
   * nothing but metadata. Ask after all `of` calls, which need whole objects.
   */
  metadataOf(resource: Resource): Informer<KubeObject> {
    return this.informerOf(resource, ({ apiVersion, kind, metadata }) => {
      const { managedFields: _dropped, annotations: _unread, ...kept } = metadata
      return { apiVersion, kind, metadata: kept }
    })
  }

  start(): void {
    this.started = true
    for (const informer of this.informers.values()) informer.start()
  }

  /** Resolves when all that were asked for so far have synced, or were stopped. */
  async whenSynced(): Promise<void> {
    await Promise.all([...this.informers.values()].map(informer => informer.whenSynced()))
  }

  /** Stops and forgets one, as when its kind was taken away. */
  drop(resource: Resource): void {
    const key = resourceKey(resource)
    this.informers.get(key)?.stop()
    this.informers.delete(key)
  }

  stop(): void {
    for (const informer of this.informers.values()) informer.stop()
    this.informers.clear()
  }

  private informerOf<T extends KubeObject>(
    resource: Resource<T>,
    transform: ((object: T) => T) | null,
  ): Informer<T> {
    const key = resourceKey(resource)
    const known = this.informers.get(key)
    if (known) return known as unknown as Informer<T>
    const { client, clock, random, logger, selections } = this.options
    const selection = selections?.get(key)
    const informer = new Informer<T>({
      client,
      clock,
      random,
      logger,
      resource,
      ...(selection === undefined ? {} : { selection }),
      transform: transform ?? withoutManagedFields,
    })
    this.informers.set(key, informer as unknown as Informer<KubeObject>)
    if (this.started) informer.start()
    return informer
  }
}

/** Nobody here reads them, and they are often half of an object. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _dropped, ...metadata } = object.metadata
  return { ...object, metadata }
}
