// Where the tests of this folder play: a whole cluster in process, a namespace a test, objects in YAML as users
// write them, and time that passes when it is told to.

import { parseAllDocuments } from 'yaml'
import { expect } from 'vitest'
import { findKindByName } from '../../orchestrator/api/kinds.js'
import type { Json, KubeObject } from '../../orchestrator/api/object.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { isNotFound } from '../../orchestrator/client/api-error.js'
import type {
  DeleteCallOptions,
  PatchOptions,
  PatchType,
} from '../../orchestrator/client/rest-client.js'
import { events, namespaces, pods, type Resource } from '../../orchestrator/client/resources.js'
import { must } from '../../platform/errors.js'
import { InProcessCluster, type InProcessClusterOptions } from '../in-process-cluster.js'

export class Scene {
  readonly cluster: InProcessCluster
  #places = 0

  private constructor(cluster: InProcessCluster) {
    this.cluster = cluster
  }

  static async start(
    nodes: readonly string[],
    options: InProcessClusterOptions = {},
  ): Promise<Scene> {
    return new Scene(await InProcessCluster.start({ ...options, nodes }))
  }

  /** A namespace that nothing else happens in. */
  async place(): Promise<Place> {
    this.#places += 1
    const name = `place-${this.#places}`
    const { client } = this.cluster
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    return new Place(this.cluster, name)
  }

  async close(): Promise<void> {
    await this.cluster.close()
  }
}

export class Place {
  readonly cluster: InProcessCluster
  readonly namespace: string

  constructor(cluster: InProcessCluster, namespace: string) {
    this.cluster = cluster
    this.namespace = namespace
  }

  /** Creates what the documents say, in their order; answers the last one as it stands then. */
  async create(text: string): Promise<KubeObject> {
    let made: KubeObject | null = null
    for (const document of parseAllDocuments(text, { version: '1.1' })) {
      const object = document.toJS() as KubeObject
      const resource = resourceOf(object)
      const metadata = resource.namespaced
        ? { namespace: this.namespace, ...object.metadata }
        : object.metadata
      made = await this.cluster.client.create(resource, { ...object, metadata })
    }
    return must(made, 'there is a document')
  }

  get<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T> {
    return this.cluster.client.get(resource, this.#at(resource, name))
  }

  async list<T extends KubeObject>(
    resource: Resource<T>,
    labelSelector?: string,
  ): Promise<readonly T[]> {
    const selection = labelSelector === undefined ? {} : { labelSelector }
    const { namespace } = this
    return (await this.cluster.client.list(resource, { namespace, ...selection })).items
  }

  /** A merge patch. */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    patch: Json,
    options: PatchOptions & { readonly type?: PatchType } = {},
  ): Promise<T> {
    const { type = 'merge', ...others } = options
    return this.cluster.client.patch(resource, this.#at(resource, name), type, patch, others)
  }

  delete(resource: Resource, name: string, options: DeleteCallOptions = {}): Promise<KubeObject> {
    return this.cluster.client.delete(resource, this.#at(resource, name), options)
  }

  /** The object once it is so. */
  until<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    holds: (object: T) => boolean,
    withinMs?: number,
  ): Promise<T> {
    return this.cluster.until(() => this.get(resource, name), holds, withinMs)
  }

  untilAll<T extends KubeObject>(
    resource: Resource<T>,
    holds: (objects: readonly T[]) => boolean,
    labelSelector?: string,
    withinMs?: number,
  ): Promise<readonly T[]> {
    return this.cluster.until(() => this.list(resource, labelSelector), holds, withinMs)
  }

  async untilGone(resource: Resource, name: string): Promise<void> {
    const isGone = () =>
      this.get(resource, name).then(
        () => false,
        (error: unknown) => isNotFound(error),
      )
    await this.cluster.until(isGone, gone => gone)
  }

  /** Whether something is so at every look, a tenth of a second apart, while time passes until something holds. */
  async alwaysUntil(
    check: (all: readonly Pod[]) => void,
    holds: (all: readonly Pod[]) => boolean | Promise<boolean>,
    withinMs = 5 * 60_000,
  ): Promise<void> {
    for (let passedMs = 0; passedMs <= withinMs; passedMs += 100) {
      const all = await this.list(pods)
      check(all)
      if (await holds(all)) return
      await this.cluster.pass(100)
    }
    expect.fail(`still not so after ${withinMs} ms`)
  }

  /** Reasons of what was told about an object of this name, each once. */
  async reasons(name: string): Promise<readonly string[]> {
    const told = (await this.list(events)).filter(event => event.involvedObject?.name === name)
    return [...new Set(told.map(({ reason = '' }) => reason))].sort()
  }

  #at(resource: Resource, name: string): { readonly namespace?: string; readonly name: string } {
    return resource.namespaced ? { namespace: this.namespace, name } : { name }
  }
}

function resourceOf({ apiVersion, kind }: KubeObject): Resource {
  const slash = apiVersion.indexOf('/')
  const group = apiVersion.slice(0, Math.max(slash, 0))
  const version = apiVersion.slice(slash + 1)
  const found = must(findKindByName(group, version, kind), `${apiVersion} ${kind} is served`)
  const { plural, namespaced } = found
  return { group, version, kind, plural, namespaced }
}

export const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')

/** Runs, or will. */
export const isActive = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed'

export const imageOf = (pod: Pod): string => pod.spec.containers[0]?.image ?? ''
export const namesOf = (objects: readonly KubeObject[]): readonly string[] =>
  objects.map(({ metadata }) => metadata.name ?? '').sort()
