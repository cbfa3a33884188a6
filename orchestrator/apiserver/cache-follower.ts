// Keeps something made from all objects of one resource in step with the cache: an index catches up
// when it is asked, by the events since it was last asked, and starts over when those are gone.
// Synchronous, so that an index never says anything else than the cache does at that moment.

import { collectionPrefix } from './keys.js'
import type { ResourceId } from './keys.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceCache } from './resource-cache.js'
import type { StoredObject } from './stored-object.js'

export interface CacheFollowing {
  /** Everything known is void; what is there now follows by `put`. */
  readonly clear: () => void
  readonly put: (stored: StoredObject) => void
  readonly remove: (key: string) => void
}

export class CacheFollower {
  readonly #cache: Pick<RegistryCache, 'resource'>
  readonly #resource: ResourceId
  readonly #following: CacheFollowing
  #window: ResourceCache | null = null
  #cursor = 0

  constructor(
    cache: Pick<RegistryCache, 'resource'>,
    resource: ResourceId,
    following: CacheFollowing,
  ) {
    this.#cache = cache
    this.#resource = resource
    this.#following = following
  }

  catchUp(): void {
    const window = this.#cache.resource(this.#resource)
    if (window !== this.#window) return this.#startOver(window)
    for (;;) {
      const event = window.eventAt(this.#cursor)
      if (event === undefined) return
      if (event === null) return this.#startOver(window)
      this.#cursor++
      if (event.type === 'DELETED') this.#following.remove(event.object.key)
      else this.#following.put(event.object)
    }
  }

  #startOver(window: ResourceCache): void {
    this.#following.clear()
    for (const stored of window.list(collectionPrefix(this.#resource, ''))) {
      this.#following.put(stored)
    }
    this.#window = window
    this.#cursor = window.endSequence
  }
}
