// Typed calls to an apiserver over any ApiTransport. Counterpart: client-go's typed clients and
// rest.Request. Every failure is an ApiError (the server said no) or a TransportError (it said
// nothing). Nothing is retried here: reconcilers are level-based and queues back off.

import type { Json, JsonObject, KubeList, KubeObject } from '../api/object.js'
import type { Scale } from '../api/types/autoscaling.js'
import type { CertificateSigningRequest } from '../api/types/certificates.js'
import type { DeleteOptions } from '../api/types/meta.js'
import { apiErrorFromResponse } from './api-error.js'
import { apiVersionOf, certificateSigningRequests, type Resource } from './resources.js'
import {
  type ApiResponse,
  type ApiTransport,
  type HttpMethod,
  TransportError,
} from './transport.js'
import { ResourceWatch, type Watch, type WatchHandlers, type WatchOptions } from './watch.js'

export interface ApiClientOptions {
  readonly transport: ApiTransport
  /** Once aborted every call under way breaks and every later one is refused. */
  readonly signal?: AbortSignal
  /**
   * Asked before each call; false refuses it. A leader answers by the clock, so that a process
   * that was frozen past its lease sends nothing when it wakes.
   */
  readonly permitted?: () => boolean
  readonly requestTimeoutMs?: number
  /** Named in managedFields of what this client writes. */
  readonly fieldManager?: string
}

export interface CallOptions {
  readonly timeoutMs?: number
}

export interface Selection {
  /** Left out: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions extends Selection, CallOptions {
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
}

export type PatchType = 'json' | 'merge' | 'strategic'

export interface PatchOptions extends CallOptions {
  readonly subresource?: 'status' | 'scale'
}

export interface DeleteCallOptions extends CallOptions {
  /** The delete is refused as a Conflict when the object is another one by now. */
  readonly uid?: string
  readonly resourceVersion?: string
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds?: number
}

/** Where an object is. */
export interface ObjectName {
  readonly namespace?: string
  readonly name: string
}

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
}

export class ApiClient {
  private readonly options: ApiClientOptions
  /** How to break each call and watch under way. */
  private readonly underWay = new Set<() => void>()

  constructor(options: ApiClientOptions) {
    this.options = options
    // One listener for all calls: thousands on one signal would be slow and warned about.
    options.signal?.addEventListener('abort', () => this.breakAll(), { once: true })
  }

  /** The same connection for one term of a leader: over when the term is over. */
  forTerm(term: { readonly signal: AbortSignal; readonly permitted: () => boolean }): ApiClient {
    return new ApiClient({ ...this.options, signal: term.signal, permitted: term.permitted })
  }

  get<T extends KubeObject>(
    resource: Resource<T>,
    at: ObjectName,
    options: CallOptions = {},
  ): Promise<T> {
    return this.call<T>('GET', objectPath(resource, at), options)
  }

  /** One page; `metadata.continue` leads to the next. */
  list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<KubeList<T>> {
    const query = queryOf({
      ...selectionQuery(options),
      limit: options.limit,
      continue: options.continue,
      resourceVersion: options.resourceVersion,
    })
    return this.call<KubeList<T>>(
      'GET',
      collectionPath(resource, options.namespace) + query,
      options,
    )
  }

  /** All pages, pinned by the server to the revision of the first. */
  async listAll<T extends KubeObject>(
    resource: Resource<T>,
    options: Selection & CallOptions = {},
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
    const items: T[] = []
    let resourceVersion = ''
    let next: string | undefined
    do {
      const page: KubeList<T> = await this.list(resource, {
        ...options,
        limit: listPageItems,
        ...(next === undefined ? {} : { continue: next }),
      })
      items.push(...page.items)
      resourceVersion = page.metadata.resourceVersion ?? ''
      next = page.metadata.continue === '' ? undefined : page.metadata.continue
    } while (next !== undefined)
    return { items, resourceVersion }
  }

  /** Into `metadata.namespace`; a name may be left to the server by `generateName`. */
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const path = collectionPath(resource, object.metadata.namespace) + this.managerQuery()
    return this.call<T>('POST', path, options, object)
  }

  /** Refused as a Conflict when `metadata.resourceVersion` is not the newest. */
  update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, nameOf(object)) + this.managerQuery()
    return this.call<T>('PUT', path, options, object)
  }

  updateStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const path = `${objectPath(resource, nameOf(object))}/status${this.managerQuery()}`
    return this.call<T>('PUT', path, options, object)
  }

  /** Writes the conditions by which a request for a certificate is approved or denied. */
  updateApproval(
    request: CertificateSigningRequest,
    options: CallOptions = {},
  ): Promise<CertificateSigningRequest> {
    const path = `${objectPath(certificateSigningRequests, nameOf(request))}/approval`
    return this.call('PUT', path + this.managerQuery(), options, request)
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    at: ObjectName,
    type: PatchType,
    patch: Json,
    options: PatchOptions = {},
  ): Promise<T> {
    const subresource = options.subresource === undefined ? '' : `/${options.subresource}`
    const path = objectPath(resource, at) + subresource + this.managerQuery()
    return this.call<T>('PATCH', path, options, patch, patchContentTypes[type])
  }

  /** Resolves with what the server answers: the object while it still waits, else a Status. */
  delete(resource: Resource, at: ObjectName, options: DeleteCallOptions = {}): Promise<KubeObject> {
    return this.call<KubeObject>('DELETE', objectPath(resource, at), options, deleteBody(options))
  }

  deleteCollection(
    resource: Resource,
    selection: Selection & DeleteCallOptions = {},
  ): Promise<KubeObject> {
    const path = collectionPath(resource, selection.namespace) + queryOf(selectionQuery(selection))
    return this.call<KubeObject>('DELETE', path, selection, deleteBody(selection))
  }

  /** Assigns a pod to a node; refused as a Conflict when it has one or is another pod by now. */
  async bindPod(pod: KubeObject, nodeName: string, options: CallOptions = {}): Promise<void> {
    const { name, namespace, uid } = pod.metadata
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    } satisfies JsonObject
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`
    await this.call('POST', path, options, body)
  }

  getScale(resource: Resource, at: ObjectName, options: CallOptions = {}): Promise<Scale> {
    return this.call<Scale>('GET', `${objectPath(resource, at)}/scale`, options)
  }

  updateScale(resource: Resource, scale: Scale, options: CallOptions = {}): Promise<Scale> {
    const path = `${objectPath(resource, nameOf(scale))}/scale`
    return this.call<Scale>('PUT', path, options, scale)
  }

  /** PUT to /api/v1/namespaces/NAME/finalize: the only way to change `spec.finalizers`. */
  async finalizeNamespace(namespace: KubeObject, options: CallOptions = {}): Promise<void> {
    const path = `/api/v1/namespaces/${namespace.metadata.name}/finalize`
    await this.call('PUT', path, options, namespace)
  }

  /** Any other path that answers JSON: discovery, /version. */
  getJson<T>(path: string, options: CallOptions & { readonly accept?: string } = {}): Promise<T> {
    return this.call<T>('GET', path, options)
  }

  /** To a path that is no resource. */
  postJson<T>(path: string, body: JsonObject, options: CallOptions = {}): Promise<T> {
    return this.call<T>('POST', path, options, body)
  }

  /** Events since `resourceVersion`, until the server ends it, it breaks, or `stop`. */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    handlers: WatchHandlers<T>,
  ): Watch {
    const query = queryOf({
      ...selectionQuery(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
    })
    const path = collectionPath(resource, options.namespace) + query
    const { transport, signal, permitted } = this.options
    if (signal?.aborted || permitted?.() === false) return { stop() {} }
    const stop = () => watch.stop()
    const watch = new ResourceWatch(transport, path, handlers, () => this.underWay.delete(stop))
    this.underWay.add(stop)
    return watch
  }

  private breakAll(): void {
    for (const stop of this.underWay) stop()
    this.underWay.clear()
  }

  private managerQuery(): string {
    return queryOf({ fieldManager: this.options.fieldManager })
  }

  private async call<R>(
    method: HttpMethod,
    path: string,
    options: CallOptions & { readonly accept?: string },
    body?: unknown,
    contentType = 'application/json',
  ): Promise<R> {
    const { transport, signal, permitted } = this.options
    if (signal?.aborted || permitted?.() === false) {
      throw new TransportError('api-cancelled', 'this client has been stopped', 'not-applied')
    }
    const request = {
      method,
      path,
      accept: options.accept ?? 'application/json',
      contentType: body === undefined ? null : contentType,
      body: body === undefined ? null : JSON.stringify(body),
      timeoutMs: options.timeoutMs ?? this.options.requestTimeoutMs ?? 15_000,
    }
    const controller = new AbortController()
    const abort = () => controller.abort()
    this.underWay.add(abort)
    try {
      const response = await transport.request(request, controller.signal)
      return parsed<R>(response, `${method} ${path}`)
    } finally {
      this.underWay.delete(abort)
    }
  }
}

const listPageItems = 500

function parsed<R>(response: ApiResponse, request: string): R {
  if (response.status < 200 || response.status > 299) throw apiErrorFromResponse(response, request)
  try {
    return JSON.parse(response.body) as R
  } catch (cause) {
    const message = `${request}: the answer is not JSON`
    throw new TransportError('api-connection-lost', message, 'unknown', cause)
  }
}

function nameOf(object: KubeObject): ObjectName {
  const { namespace, name } = object.metadata
  return { name: name ?? '', ...(namespace === undefined ? {} : { namespace }) }
}

function deleteBody(options: DeleteCallOptions): DeleteOptions {
  const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds } = options
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
  }
}

type Query = Readonly<Record<string, string | number | undefined>>

function selectionQuery(selection: Selection): Query {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector }
}

function queryOf(query: Query): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

function collectionPath(resource: Resource, namespace: string | undefined): string {
  const root = resource.group === '' ? '/api/v1' : `/apis/${apiVersionOf(resource)}`
  const inside =
    resource.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : ''
  return `${root}${inside}/${resource.plural}`
}

function objectPath(resource: Resource, at: ObjectName): string {
  if (at.name === '') throw new TypeError(`a name is needed for ${resource.kind}`)
  if (resource.namespaced && !at.namespace) {
    throw new TypeError(`a namespace is needed for ${resource.kind} ${at.name}`)
  }
  return `${collectionPath(resource, at.namespace)}/${encodeURIComponent(at.name)}`
}
