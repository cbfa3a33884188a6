// An API server for tests of what follows informers: lists that a test gives, and watches that hear what it says.

import type { KubeObject } from '../../api/object.js'
import { Informer } from '../../client/informer.js'
import { objectKey, type Resource } from '../../client/resources.js'
import { ApiClient } from '../../client/rest-client.js'
import type { ApiTransport, StreamHandlers } from '../../client/transport.js'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeRandom } from '../../../platform/node/random.js'

export class ScriptedApi implements ApiTransport {
  readonly #lists: ReadonlyMap<string, readonly KubeObject[]>
  readonly #watchers = new Map<string, StreamHandlers>()
  readonly #known = new Set<string>()
  readonly #informers: Informer<KubeObject>[] = []
  #version = 100

  constructor(lists: ReadonlyMap<string, readonly KubeObject[]> = new Map()) {
    this.#lists = lists
  }

  request({ path }: { readonly path: string }) {
    const items = this.#lists.get(pluralOf(path)) ?? []
    const body = JSON.stringify({ metadata: { resourceVersion: '10' }, items })
    return Promise.resolve({ status: 200, headers: {}, body })
  }

  stream({ path }: { readonly path: string }, handlers: StreamHandlers) {
    this.#watchers.set(pluralOf(path), handlers)
    return { cancel() {} }
  }

  emit(plural: string, type: string, object: KubeObject): void {
    this.#watchers.get(plural)?.onChunk(`${JSON.stringify({ type, object })}\n`)
  }

  /** Creates or changes an object, under a new version. */
  put(plural: string, object: KubeObject): void {
    const key = `${plural} ${objectKey(object)}`
    this.emit(plural, this.#known.has(key) ? 'MODIFIED' : 'ADDED', this.#versioned(object))
    this.#known.add(key)
  }

  delete(plural: string, object: KubeObject): void {
    this.#known.delete(`${plural} ${objectKey(object)}`)
    this.emit(plural, 'DELETED', this.#versioned(object))
  }

  #versioned(object: KubeObject): KubeObject {
    this.#version += 1
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
  }

  /** Started; ended by `close`. Resolves when it watches. */
  async informer<T extends KubeObject>(resource: Resource<T>): Promise<Informer<T>> {
    const client = new ApiClient({ transport: this })
    const parts = { clock: nodeClock(), random: nodeRandom(), logger: silentLogger }
    const informer = new Informer<T>({ client, resource, ...parts })
    this.#informers.push(informer as unknown as Informer<KubeObject>)
    informer.start()
    await informer.whenSynced()
    return informer
  }

  close(): void {
    for (const informer of this.#informers.splice(0)) informer.stop()
  }
}

const pluralOf = (path: string): string => path.split('?')[0]?.split('/').at(-1) ?? ''
