// The objects of one resource in memory, and the window of their latest changes. Counterpart:
// the watch cache of apiserver (storage/cacher), with one difference: watchers hold a cursor into
// the one window instead of a queue each, so memory does not depend on slow watchers. Pure.

import { assert } from '../../platform/errors.js'
import type { ResourceId } from './keys.js'
import { SortedObjects } from './sorted-objects.js'
import type { StoredObject } from './stored-object.js'

export interface CacheEvent {
  readonly sequence: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  /** The new state; of a deletion the last one, at the revision of the delete. */
  readonly object: StoredObject
  readonly previous: StoredObject | null
}

export interface WindowLimits {
  readonly eventsMax: number
  readonly bytesMax: number
}

export const defaultWindow: WindowLimits = { eventsMax: 8_192, bytesMax: 32 * 1024 * 1024 }

export class ResourceCache {
  readonly resource: ResourceId
  readonly #limits: WindowLimits
  readonly #objects = new Map<string, StoredObject>()
  /** The same, by key. */
  readonly #sorted = new SortedObjects()
  /** Ascending by sequence and revision. Consumed from #head on. */
  #events: CacheEvent[] = []
  #head = 0
  #bytes = 0
  #nextSequence = 1
  /** All changes above this revision are in the window. */
  #windowStart: number

  /** `revision`: the state given to `load` or changed from here on is the one after it. */
  constructor(resource: ResourceId, revision: number, limits: WindowLimits = defaultWindow) {
    this.resource = resource
    this.#limits = limits
    this.#windowStart = revision
  }

  get size(): number {
    return this.#objects.size
  }

  /** Sequence that the next change will get: a cursor that has seen everything. */
  get endSequence(): number {
    return this.#nextSequence
  }

  get windowStart(): number {
    return this.#windowStart
  }

  /** An object of the initial state: no event. */
  load(object: StoredObject): void {
    this.#set(object)
  }

  put(object: StoredObject): void {
    const previous = this.#objects.get(object.key) ?? null
    // A key is told apart from its successor by revision, so replays change nothing.
    if (previous !== null && previous.revision >= object.revision) return
    this.#set(object)
    const type = previous === null ? 'ADDED' : 'MODIFIED'
    this.#append(type, object.revision, object, previous)
  }

  delete(key: string, revision: number): void {
    const previous = this.#objects.get(key)
    if (previous === undefined || previous.revision >= revision) return
    this.#objects.delete(key)
    this.#sorted.delete(key)
    this.#append('DELETED', revision, previous.at(revision), previous)
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key)
  }

  /** Objects whose key starts with `prefix`, which ends in "/", by key. */
  list(prefix: string): StoredObject[] {
    assert(prefix.endsWith('/'), 'a collection is a folder of keys')
    // "0" is what follows "/".
    return this.#sorted.between(prefix, `${prefix.slice(0, -1)}0`)
  }

  /** The cursor for a watch that has seen everything up to `revision`; null if that is too old. */
  cursorBehind(revision: number): number | null {
    if (revision < this.#windowStart) return null
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return this.#events[low]?.sequence ?? this.#nextSequence
  }

  /** The event at a cursor; undefined at the end; null when it has left the window. */
  eventAt(cursor: number): CacheEvent | undefined | null {
    if (cursor >= this.#nextSequence) return undefined
    const first = this.#events[this.#head]
    if (first === undefined || cursor < first.sequence) return null
    return this.#events[this.#head + (cursor - first.sequence)]
  }

  #append(
    type: CacheEvent['type'],
    revision: number,
    object: StoredObject,
    previous: StoredObject | null,
  ): void {
    this.#events.push({ sequence: this.#nextSequence++, type, revision, object, previous })
    this.#bytes += object.raw.length
    while (
      this.#events.length - this.#head > 1 &&
      (this.#events.length - this.#head > this.#limits.eventsMax ||
        this.#bytes > this.#limits.bytesMax)
    ) {
      this.#evict()
    }
    // Dropping the consumed part now and then keeps appends cheap.
    if (this.#head > 1024 && this.#head > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
  }

  #evict(): void {
    const oldest = this.#events[this.#head]
    if (oldest === undefined) return
    this.#windowStart = oldest.revision
    this.#bytes -= oldest.object.raw.length
    this.#head++
  }

  #set(object: StoredObject): void {
    this.#objects.set(object.key, object)
    this.#sorted.set(object)
  }
}
