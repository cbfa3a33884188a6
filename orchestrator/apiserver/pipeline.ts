// From a request to its answer: parse, authenticate, limit, authorise; then, with the body at hand,
// route to discovery, health or a kind's endpoints. Counterpart: the handler chain of
// apiserver/pkg/server. `accept` is pure but for counting; only `run` waits for anything.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError, unreachable } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Counter, Gauge, Histogram, Metrics } from '../../platform/metrics.js'
import type { JsonObject } from '../api/object.js'
import type { Kind } from '../api/kind.js'
import { hasWireForm } from '../api/protobuf/layout.js'
import {
  ApiError,
  badRequest,
  forbidden,
  forbiddenPath,
  internalError,
  methodNotAllowed,
  notAcceptable,
  pathNotFound,
  timeout,
  tooManyRequests,
  unauthorized,
} from '../api/status.js'
import { podRefersTo } from './admission.js'
import { authenticate, impersonated } from './authentication.js'
import type { TokenLookup, User } from './authentication.js'
import { authorize, forbiddenMessage } from './authorization.js'
import type { NodeQuestion } from './authorization.js'
import type { DiscoveryEndpoints } from './discovery-endpoints.js'
import { textResponse } from './exchange.js'
import type { AbandonSignal, ApiRequest, ApiResponse, RequestHead } from './exchange.js'
import { healthResponse } from './health-endpoints.js'
import type { HealthCheck } from './health-endpoints.js'
import type { History } from './history.js'
import { historyPath, historyResponse } from './history-endpoint.js'
import { negotiate, objectOffer, offeredTypes, statusFormat, watchOffer } from './negotiation.js'
import { textAt } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import { storeError } from './object-storage.js'
import type { RegistryCache } from './registry-cache.js'
import { jsonResponse, statusResponse } from './rendering.js'
import { parseRequestInfo } from './request-info.js'
import type { NonResourceRequest, RequestInfo, ResourceRequest } from './request-info.js'
import type { Call, ResourceEndpoints } from './resource-endpoints.js'
import type { ReviewEndpoints } from './review-endpoints.js'
import type { SubresourceEndpoints } from './subresource-endpoints.js'

export interface PipelineLimits {
  /** Requests under way that only read; watches and logs are not counted. */
  readonly readsMax: number
  readonly writesMax: number
  readonly requestMs: number
}

export interface PipelineOptions {
  readonly findKind: (group: string, version: string, plural: string) => Kind | null
  readonly discovery: DiscoveryEndpoints
  readonly endpoints: ResourceEndpoints
  readonly subresources: SubresourceEndpoints
  readonly reviews: ReviewEndpoints
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly history: History
  readonly tokenLookups: readonly TokenLookup[]
  readonly version: JsonObject
  readonly livenessChecks: readonly HealthCheck[]
  readonly readinessChecks: readonly HealthCheck[]
  /** Prometheus text; null answers 404. */
  readonly metricsText: (() => Promise<{ text: string; contentType: string }>) | null
  readonly limits: PipelineLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

export type Acceptance =
  | { readonly kind: 'refused'; readonly response: ApiResponse }
  | {
      readonly kind: 'accepted'
      /** Never rejects, except with an InvariantViolation. */
      readonly run: (body: Uint8Array, signal: AbandonSignal) => Promise<ApiResponse>
      /** Instead of `run`, when the body could not be read. */
      readonly drop: (error: ApiError) => ApiResponse
    }

interface Accepted {
  readonly head: RequestHead
  readonly info: RequestInfo
  readonly user: User
  readonly question: { readonly node: string; readonly question: NodeQuestion } | null
  readonly startMs: number
  readonly leave: () => void
}

const overloadRetrySeconds = 1
const freshMs = 5_000

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #requests: Counter
  readonly #durations: Histogram
  readonly #inflight: Gauge
  #reads = 0
  #writes = 0

  constructor(options: PipelineOptions) {
    this.#options = options
    const { metrics } = options
    this.#requests = metrics.counter(
      'apiserver_request_total',
      'Requests by verb, resource and HTTP status.',
      ['verb', 'resource', 'code'],
    )
    this.#durations = metrics.histogram(
      'apiserver_request_duration_seconds',
      'Time to answer, watches and logs left out.',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      ['verb', 'resource'],
    )
    this.#inflight = metrics.gauge('apiserver_current_inflight_requests', 'Requests under way.', [
      'request_kind',
    ])
  }

  /** Everything that can be said before the body is read. */
  accept(head: RequestHead): Acceptance {
    const startMs = this.#options.clock.monotonicMs()
    const parsed = parseRequestInfo(head.method, head.url)
    if ('problem' in parsed) {
      return { kind: 'refused', response: errorResponse(head, badRequest(parsed.problem)) }
    }
    const { info } = parsed
    const authentication = authenticate(head, this.#options.tokenLookups)
    if (authentication.kind === 'refused') return this.#refuse(head, info, null, unauthorized())
    const caller = authentication.user
    const other = impersonated(head)
    if (other === 'malformed') {
      const text = 'requested impersonation of groups or a uid without a user'
      return this.#refuse(head, info, caller, badRequest(text))
    }
    if (other !== null && !caller.groups.includes('system:masters')) {
      const users = { group: '', plural: 'users' }
      const why = `User "${caller.name}" cannot impersonate resource "users" in API group "" at the cluster scope`
      return this.#refuse(head, info, caller, forbidden(users, other.name, why))
    }
    const user = other ?? caller
    const decision = authorize(user, info)
    if (decision.kind === 'denied') {
      // Somebody who has not said who they are is asked to.
      const anonymousCall = user.groups.includes('system:unauthenticated')
      const error = anonymousCall ? unauthorized() : forbiddenError(user, info)
      return this.#refuse(head, info, user, error)
    }
    const leave = this.#enter(info)
    if (leave === null) {
      const text = 'Too many requests, please try again later.'
      return this.#refuse(head, info, user, tooManyRequests(text, overloadRetrySeconds))
    }
    const question = decision.kind === 'node' ? decision : null
    const accepted: Accepted = { head, info, user, question, startMs, leave }
    return {
      kind: 'accepted',
      run: (body, signal) => this.#run(accepted, body, signal),
      drop: error => this.#finish(accepted, errorResponse(head, error)),
    }
  }

  async #run(accepted: Accepted, body: Uint8Array, signal: AbandonSignal): Promise<ApiResponse> {
    try {
      const work = this.#respond(accepted, { ...accepted.head, body, signal })
      return this.#finish(accepted, await this.#inTime(work))
    } catch (error) {
      if (error instanceof InvariantViolation) throw error
      return this.#finish(accepted, this.#errorResponse(accepted, error))
    }
  }

  async #respond(accepted: Accepted, request: ApiRequest): Promise<ApiResponse> {
    const { info, user } = accepted
    if (accepted.question !== null) await this.#checkNode(accepted)
    if (info.kind === 'non-resource') return this.#nonResource(info, request)
    const review = await this.#options.reviews.answer(info, request, user)
    if (review !== null) return review
    const kind = this.#options.findKind(info.group, info.version, info.resource)
    if (kind === null) throw pathNotFound()
    const offer = {
      ...(info.verb === 'watch' ? watchOffer : objectOffer),
      wireForm: hasWireForm(kind.schema),
    }
    const include = info.query.get('includeObject')
    const negotiated = negotiate(request.headers.get('accept'), include, offer)
    // A log is text whatever the client accepts.
    if (negotiated === null && info.subresource !== 'log') throw notAcceptable(offeredTypes(offer))
    const call: Call = {
      info,
      kind,
      request,
      user,
      negotiated: negotiated ?? { format: 'json', shape: { kind: 'object' } },
    }
    return this.#resource(call)
  }

  #resource(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const { endpoints, subresources } = this.#options
    if (!kind.namespaced && info.namespace !== '' && info.resource !== 'namespaces') {
      throw pathNotFound()
    }
    if (info.subresource !== '') return subresources.handle(call)
    if (!kind.verbs.includes(info.verb)) throw methodNotAllowed(kind, info.verb)
    const needsNamespace =
      kind.namespaced && info.namespace === '' && info.verb !== 'list' && info.verb !== 'watch'
    if (needsNamespace) throw methodNotAllowed(kind, info.verb)
    switch (info.verb) {
      case 'get':
        return endpoints.get(call)
      case 'list':
        return endpoints.list(call)
      case 'watch':
        return endpoints.watch(call)
      case 'create':
        if (info.name !== '') throw methodNotAllowed(kind, info.verb)
        return endpoints.create(call)
      case 'update':
      case 'patch':
        if (info.name === '') throw methodNotAllowed(kind, info.verb)
        return info.verb === 'update' ? endpoints.update(call) : endpoints.patch(call)
      case 'delete':
        return endpoints.delete(call)
      case 'deletecollection':
        return endpoints.deleteCollection(call)
      default:
        return unreachable(info.verb)
    }
  }

  async #nonResource(info: NonResourceRequest, request: ApiRequest): Promise<ApiResponse> {
    const { path } = info
    if (request.method !== 'GET' && request.method !== 'HEAD') throw pathNotFound()
    const { livenessChecks, readinessChecks, metricsText, version } = this.#options
    const root = path.split('/')[1] ?? ''
    if (root === 'healthz' || root === 'livez' || root === 'readyz') {
      const checks = root === 'livez' ? livenessChecks : readinessChecks
      const health = await healthResponse(path, info.query, checks)
      if (health !== null) return health
    }
    if (path === '/version') return jsonResponse(200, version)
    if (path === historyPath) return historyResponse(this.#options.history, info.query)
    if (path === '/metrics' && metricsText !== null) {
      const { text, contentType } = await metricsText()
      return textResponse(200, text, contentType)
    }
    const discovery = this.#options.discovery.answer(path, info.query, request)
    if (discovery !== null) return discovery
    if (path === '/') return jsonResponse(200, { paths: rootPaths })
    throw pathNotFound()
  }

  async #checkNode({ question, user, info }: Accepted): Promise<void> {
    if (question === null) return
    const refers = () => this.#nodeRefersTo(question.node, question.question)
    if (refers()) return
    // The binding may have been written through another master a moment ago.
    await this.#options.cache.waitUntilFresh(freshMs)
    if (!refers()) throw forbiddenError(user, info)
  }

  #nodeRefersTo(node: string, question: NodeQuestion): boolean {
    return this.#options.reader
      .cachedList('', 'pods', question.namespace)
      .some(
        ({ object }) =>
          textAt(object, 'spec.nodeName') === node &&
          podRefersTo(object, question.resource, question.name),
      )
  }

  #inTime(work: Promise<ApiResponse>): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      const { clock, limits } = this.#options
      const timer = clock.setTimer(limits.requestMs, () =>
        // No Retry-After: a write may have been done, and clients would do it again unasked.
        reject(timeout('request did not complete within the allotted time')),
      )
      work.then(
        response => {
          timer.cancel()
          resolve(response)
        },
        (error: unknown) => {
          timer.cancel()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      )
    })
  }

  /** Null when there are too many of its sort. */
  #enter(info: RequestInfo): (() => void) | null {
    if (isLongRunning(info)) return () => {}
    const { readsMax, writesMax } = this.#options.limits
    const reading = info.kind === 'non-resource' || info.verb === 'get' || info.verb === 'list'
    if (reading ? this.#reads >= readsMax : this.#writes >= writesMax) return null
    const count = (by: number) => {
      if (reading) this.#reads += by
      else this.#writes += by
      this.#inflight.set(this.#reads, { request_kind: 'readOnly' })
      this.#inflight.set(this.#writes, { request_kind: 'mutating' })
    }
    count(1)
    return () => count(-1)
  }

  #errorResponse(accepted: Accepted, error: unknown): ApiResponse {
    const known = storeError(error)
    const { head, info } = accepted
    if (known instanceof ApiError) return errorResponse(head, known)
    this.#options.logger.error(
      {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        code: error instanceof RaftsmanError ? error.code : undefined,
        path: info.path,
        verb: info.verb,
      },
      'request failed for a reason of our own',
    )
    const message = error instanceof Error ? error.message : 'unknown error'
    return errorResponse(head, internalError(message))
  }

  #refuse(head: RequestHead, info: RequestInfo, user: User | null, error: ApiError): Acceptance {
    this.#record(head, info, user, error.httpCode, null)
    return { kind: 'refused', response: errorResponse(head, error) }
  }

  #finish(accepted: Accepted, response: ApiResponse): ApiResponse {
    const { head, info, user, startMs, leave } = accepted
    leave()
    const elapsedMs = this.#options.clock.monotonicMs() - startMs
    this.#record(head, info, user, response.status, elapsedMs)
    return response
  }

  #record(
    head: RequestHead,
    info: RequestInfo,
    user: User | null,
    code: number,
    elapsedMs: number | null,
  ): void {
    const resource = info.kind === 'resource' ? metricResource(info, this.#options.findKind) : ''
    const verb = info.kind === 'resource' || info.verb === 'get' ? info.verb : 'other'
    this.#requests.add(1, { verb, resource, code: String(code) })
    if (elapsedMs !== null && !isLongRunning(info)) {
      this.#durations.observe(elapsedMs / 1000, { verb, resource })
    }
    this.#options.logger.debug(
      {
        user: user?.name ?? null,
        groups: user?.groups,
        remote: head.remote,
        userAgent: head.headers.get('user-agent'),
        verb: info.verb,
        path: info.path,
        ...(info.kind === 'resource'
          ? { resource: info.resource, namespace: info.namespace, name: info.name }
          : {}),
        code,
        elapsedMs,
      },
      'request',
    )
  }
}

function errorResponse(head: RequestHead, { status }: ApiError): ApiResponse {
  return statusResponse(status, statusFormat(head.headers.get('accept')))
}

const rootPaths = [
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v3',
  historyPath,
  '/readyz',
  '/version',
]

function isLongRunning(info: RequestInfo): boolean {
  return info.kind === 'resource' && (info.verb === 'watch' || info.subresource === 'log')
}

/** Only what is served becomes a label: users must not be able to make up series. */
function metricResource(info: ResourceRequest, findKind: PipelineOptions['findKind']): string {
  return findKind(info.group, info.version, info.resource) === null ? 'unknown' : info.resource
}

function forbiddenError(user: User, info: RequestInfo): ApiError {
  const message = forbiddenMessage(user, info)
  if (info.kind === 'non-resource') return forbiddenPath(info.path, message)
  return forbidden({ group: info.group, plural: info.resource }, info.name, message)
}
