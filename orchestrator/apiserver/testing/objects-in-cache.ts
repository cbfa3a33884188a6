// A cache of given objects for tests of what reads it: put and remove as a store's watch would.

import type { KubeObject } from '../../api/object.js'
import { collectionPrefix, objectKey, resourceId } from '../keys.js'
import type { ResourceId } from '../keys.js'
import { ResourceCache } from '../resource-cache.js'
import { encodeObject, StoredObject } from '../stored-object.js'

export class ObjectsInCache {
  #resources = new Map<ResourceId, ResourceCache>()
  #revision = 1

  resource(id: ResourceId): ResourceCache {
    let cache = this.#resources.get(id)
    if (cache === undefined) {
      cache = new ResourceCache(id, 0, { eventsMax: 8, bytesMax: 1 << 20 })
      this.#resources.set(id, cache)
    }
    return cache
  }

  /** As when the store's watch broke off: same content, other tables. */
  restart(): void {
    const old = this.#resources
    this.#resources = new Map()
    for (const [id, cache] of old) {
      for (const stored of cache.list(collectionPrefix(id, ''))) this.resource(id).load(stored)
    }
  }

  waitUntilFresh(): Promise<number> {
    return Promise.resolve(this.#revision)
  }

  put(group: string, plural: string, object: KubeObject): void {
    const id = resourceId(group, plural)
    const { namespace = '', name = '' } = object.metadata
    const key = objectKey(id, namespace, name)
    this.resource(id).put(new StoredObject(key, this.#revision++, encodeObject(object)))
  }

  remove(group: string, plural: string, namespace: string, name: string): void {
    const id = resourceId(group, plural)
    this.resource(id).delete(objectKey(id, namespace, name), this.#revision++)
  }

  cachedAt(
    group: string,
    plural: string,
    namespace: string,
    name: string,
  ): StoredObject | undefined {
    const id = resourceId(group, plural)
    return this.resource(id).get(objectKey(id, namespace, name))
  }
}
