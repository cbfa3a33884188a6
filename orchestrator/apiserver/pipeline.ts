// From a request to its answer: parse, authenticate, limit, authorise; then, with the body at hand,
// route to discovery, health or a kind's endpoints. Counterpart: the handler chain of
// apiserver/pkg/server. `accept` is pure but for counting; only `run` waits for anything.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError, unreachable } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Counter, Histogram, Metrics } from '../../platform/metrics.js'
import { binding } from '../api/kinds/core/binding.js'
import type { JsonObject } from '../api/object.js'
import type { Kind } from '../api/kind.js'
import { hasWireForm } from '../api/protobuf/layout.js'
import type { KindRegistry } from '../api/kind-registry.js'
import {
  ApiError,
  badRequest,
  internalError,
  methodNotAllowed,
  notAcceptable,
  pathNotFound,
  timeout,
  unauthorized,
} from '../api/status.js'
import { authenticate } from './authentication.js'
import type { TokenLookup, User } from './authentication.js'
import { attributesOf, forbiddenError } from './authorization.js'
import type { Authorizer } from './authorizer.js'
import type { ComponentStatuses } from './component-statuses.js'
import { warningHeaders } from './decoding.js'
import type { DiscoveryEndpoints } from './discovery-endpoints.js'
import { textResponse } from './exchange.js'
import type {
  AbandonSignal,
  ApiRequest,
  ApiResponse,
  RequestHead,
  ResponseHeaders,
} from './exchange.js'
import type { ExtensionServers } from './extension-servers.js'
import { freePass } from './flow-control.js'
import type { FlowControl, FlowPass } from './flow-control.js'
import { flowDump } from './flow-dump.js'
import { healthResponse } from './health-endpoints.js'
import type { HealthCheck } from './health-endpoints.js'
import type { History } from './history.js'
import { historyPath, historyResponse } from './history-endpoint.js'
import { impersonated } from './impersonation.js'
import { negotiate, objectOffer, offeredTypes, statusFormat, watchOffer } from './negotiation.js'
import { jwksPath, openIdConfigurationPath } from './openid-endpoints.js'
import { storeError } from './object-storage.js'
import { jsonResponse, statusResponse } from './rendering.js'
import type { RegistryCache } from './registry-cache.js'
import { parseRequestInfo } from './request-info.js'
import type { NonResourceRequest, RequestInfo, ResourceRequest } from './request-info.js'
import { requestMsOf } from './request-timeout.js'
import type { Call, ResourceEndpoints } from './resource-endpoints.js'
import type { ReviewEndpoints } from './review-endpoints.js'
import { type SchedulerEndpoints, whatIfPath } from './scheduler-endpoints.js'
import type { SubresourceEndpoints } from './subresource-endpoints.js'
import type { UsageEndpoints } from './usage-endpoints.js'

export interface PipelineLimits {
  readonly requestMs: number
}

export interface PipelineOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly discovery: DiscoveryEndpoints
  readonly endpoints: ResourceEndpoints
  readonly subresources: SubresourceEndpoints
  readonly reviews: ReviewEndpoints
  readonly componentStatuses: ComponentStatuses
  readonly history: History
  readonly scheduler: SchedulerEndpoints
  readonly authorizer: Authorizer
  readonly tokenLookups: readonly TokenLookup[]
  /** For whom the tokens of callers must be. */
  readonly audiences: readonly string[]
  /** Null for any path but those of OpenID discovery. */
  readonly openId: (path: string) => ApiResponse | null
  readonly version: JsonObject
  readonly livenessChecks: readonly HealthCheck[]
  readonly readinessChecks: readonly HealthCheck[]
  /** Prometheus text; null answers 404. */
  readonly metricsText: (() => Promise<{ text: string; contentType: string }>) | null
  readonly flows: FlowControl
  readonly extensions: ExtensionServers
  readonly usage: UsageEndpoints
  readonly limits: PipelineLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

export type Acceptance =
  | { readonly kind: 'refused'; readonly response: ApiResponse }
  | {
      readonly kind: 'accepted'
      /** To be sent along with whatever the answer is. */
      readonly headers: ResponseHeaders
      /**
       * Unless null, to be waited for before the body is read: null once there is room, else what to
       * answer instead of all that follows.
       */
      readonly wait: ((signal: AbandonSignal) => Promise<ApiResponse | null>) | null
      /** Never rejects, except with an InvariantViolation. */
      readonly run: (body: Uint8Array, signal: AbandonSignal) => Promise<ApiResponse>
      /** Instead of `run`, when the body could not be read. */
      readonly drop: (error: ApiError) => ApiResponse
    }

interface Accepted {
  readonly head: RequestHead
  readonly info: RequestInfo
  readonly user: User
  /** Refused by what had arrived here: asked again once everything has. */
  readonly doubtful: { readonly caller: User } | null
  readonly startMs: number
  /** By when it has an answer, whatever that is. */
  readonly endMs: number
  readonly pass: FlowPass
}

const freshMs = 5_000

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #requests: Counter
  readonly #durations: Histogram
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
    metrics.observed({
      type: 'gauge',
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way.',
      labelNames: ['request_kind'],
      read: () => [
        { value: this.#reads, labels: { request_kind: 'readOnly' } },
        { value: this.#writes, labels: { request_kind: 'mutating' } },
      ],
    })
  }

  /** Everything that can be said before the body is read. */
  accept(head: RequestHead): Acceptance {
    const startMs = this.#options.clock.monotonicMs()
    const parsed = parseRequestInfo(head.method, head.url)
    if ('problem' in parsed) {
      return { kind: 'refused', response: errorResponse(head, badRequest(parsed.problem)) }
    }
    const { info } = parsed
    const { requestMs } = this.#options.limits
    let endMs = startMs + requestMs
    try {
      if (!isLongRunning(info)) endMs = startMs + requestMsOf(info.query, requestMs)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      return this.#refuse(head, info, null, error)
    }
    const authentication = authenticate(head, this.#options.audiences, this.#options.tokenLookups)
    if (authentication.kind === 'refused') return this.#refuse(head, info, null, unauthorized())
    const caller = authentication.user
    const judged = this.#judge(caller, head, info)
    // Strangers may not make us ask the store, and a request that makes no sense never will.
    const final = caller.groups.includes('system:unauthenticated') || judged.error?.httpCode === 400
    if (judged.error !== null && final) return this.#refuse(head, info, judged.user, judged.error)
    const { user } = judged
    const pass = isOpenEnded(info) ? freePass : this.#options.flows.enter(user, info)
    if (pass.state === 'refused') return this.#turnAway(head, info, user, pass)
    const doubtful = judged.error === null ? null : { caller }
    const accepted: Accepted = { head, info, user, doubtful, startMs, endMs, pass }
    if (pass.state === 'admitted') this.#countInflight(info, 1)
    return {
      kind: 'accepted',
      headers: pass.headers,
      wait: pass.state === 'waiting' ? signal => this.#wait(accepted, signal) : null,
      run: (body, signal) => this.#run(accepted, body, signal),
      drop: error => this.#finish(accepted, errorResponse(head, error)),
    }
  }

  async #run(accepted: Accepted, body: Uint8Array, signal: AbandonSignal): Promise<ApiResponse> {
    try {
      const work = this.#respond(accepted, { ...accepted.head, body, signal })
      const endless = accepted.info.kind === 'resource' && isStream(accepted.info)
      return this.#finish(accepted, await (endless ? work : this.#inTime(work, accepted.endMs)))
    } catch (error) {
      if (error instanceof InvariantViolation) throw error
      return this.#finish(accepted, this.#errorResponse(accepted, error))
    }
  }

  async #respond(accepted: Accepted, request: ApiRequest): Promise<ApiResponse> {
    const { info, user } = accepted
    if (accepted.doubtful !== null) await this.#judgeAgain(accepted, accepted.doubtful.caller)
    const { extensions } = this.#options
    if (info.kind === 'non-resource') {
      const place = extensions.placeOf(info.path)
      if (place !== null) return extensions.pass(...place, request, user)
      return this.#nonResource(info, request)
    }
    if (extensions.serves(info.group, info.version)) {
      return extensions.pass(info.group, info.version, request, user)
    }
    const kind = await this.#kind(info)
    const offer = {
      ...(info.verb === 'watch' ? watchOffer : objectOffer),
      wireForm: kind.custom === undefined && hasWireForm(kind.schema),
    }
    const include = info.query.get('includeObject')
    const negotiated = negotiate(request.headers.get('accept'), include, offer)
    // A log is text whatever the client accepts, and a stream what the other end makes of it.
    if (negotiated === null && !isStream(info)) throw notAcceptable(offeredTypes(offer))
    const call: Call = {
      info,
      kind,
      request,
      user,
      negotiated: negotiated ?? { format: 'json', shape: { kind: 'object' } },
    }
    if (kind.custom?.terminating === true && info.verb === 'create') {
      throw methodNotAllowed(
        kind,
        info.verb,
        `${info.verb} not allowed while custom resource definition is terminating`,
      )
    }
    const deprecated = kind.custom?.deprecation ?? null
    return withWarnings(await this.#resource(call), deprecated === null ? [] : [deprecated])
  }

  /** Throws ApiError NotFound. */
  async #kind({ group, version, resource }: ResourceRequest): Promise<Kind> {
    const { kinds, cache } = this.#options
    const known = kinds.find(group, version, resource)
    if (known !== null) return known
    // It may have been defined through another master a moment ago.
    await cache.waitUntilFresh(freshMs)
    const found = kinds.find(group, version, resource)
    if (found === null) throw pathNotFound()
    return found
  }

  #resource(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const { endpoints, subresources, reviews, usage } = this.#options
    if (!kind.namespaced && info.namespace !== '' && info.resource !== 'namespaces') {
      throw pathNotFound()
    }
    if (info.subresource !== '') return subresources.handle(call)
    if (!kind.verbs.includes(info.verb)) throw methodNotAllowed(kind, info.verb)
    const needsNamespace =
      kind.namespaced && info.namespace === '' && info.verb !== 'list' && info.verb !== 'watch'
    if (needsNamespace) throw methodNotAllowed(kind, info.verb)
    if (kind.group === '' && kind.plural === 'componentstatuses') {
      return this.#options.componentStatuses.answer(call)
    }
    if (usage.handles(kind.group)) return usage.answer(call)
    switch (info.verb) {
      case 'get':
        return endpoints.get(call)
      case 'list':
        return endpoints.list(call)
      case 'watch':
        return endpoints.watch(call)
      case 'create':
        if (info.name !== '') throw methodNotAllowed(kind, info.verb)
        if (reviews.handles(kind)) return reviews.answer(call)
        if (kind === binding) return subresources.bindNamed(call)
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
    const { scheduler } = this.#options
    if (scheduler.handles(path)) return scheduler.answer(path, request)
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
    const { flows, clock } = this.#options
    const dump = flowDump(flows.controller, path, info.query, clock.wallMs() - clock.monotonicMs())
    if (dump !== null) return textResponse(200, dump)
    const openId = this.#options.openId(path)
    if (openId !== null) return openId
    const discovery = this.#options.discovery.answer(path, info.query, request)
    if (discovery !== null) return discovery
    if (path === '/') return jsonResponse(200, { paths: this.#paths() })
    throw pathNotFound()
  }

  #paths(): string[] {
    const { discovery, livenessChecks, readinessChecks } = this.#options
    const checks = [
      ...livenessChecks.map(({ name }) => `/livez/${name}`),
      ...readinessChecks.flatMap(({ name }) => [`/healthz/${name}`, `/readyz/${name}`]),
    ]
    return [...ownPaths, ...checks, ...discovery.paths].toSorted()
  }

  /** As whom the request is made, and why it may not be; by what has arrived here. */
  #judge(
    caller: User,
    head: RequestHead,
    info: RequestInfo,
  ): { readonly user: User; readonly error: ApiError | null } {
    const { authorizer } = this.#options
    const impersonation = impersonated(head)
    if (impersonation.kind === 'malformed') {
      return { user: caller, error: badRequest(impersonation.problem) }
    }
    const user = impersonation.kind === 'none' ? caller : impersonation.user
    for (const needed of impersonation.kind === 'none' ? [] : impersonation.needs) {
      const verdict = authorizer.verdict(caller, needed)
      if (!verdict.allowed) {
        return { user: caller, error: forbiddenError(caller, needed, verdict.reason) }
      }
    }
    for (const asked of [info, ...impliedBy(info)].map(attributesOf)) {
      const verdict = authorizer.verdict(user, asked)
      if (!verdict.allowed) return { user, error: forbiddenError(user, asked, verdict.reason) }
    }
    return { user, error: null }
  }

  /** A role or a binding may have been written through another master a moment ago. */
  async #judgeAgain({ head, info }: Accepted, caller: User): Promise<void> {
    await this.#options.authorizer.settle()
    const { error } = this.#judge(caller, head, info)
    if (error !== null) throw error
  }

  #inTime(work: Promise<ApiResponse>, endMs: number): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#options
      const timer = clock.setTimer(Math.max(0, endMs - clock.monotonicMs()), () =>
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

  async #wait(accepted: Accepted, signal: AbandonSignal): Promise<ApiResponse | null> {
    const { head, info, user, startMs, endMs, pass } = accepted
    // A quarter of its time, as in the original: what is left must do for the work.
    const refusal = await pass.wait(signal, (endMs - startMs) / 4)
    if (refusal === null) this.#countInflight(info, 1)
    else this.#record(head, info, user, refusal.status, null)
    return refusal
  }

  #countInflight(info: RequestInfo, by: 1 | -1): void {
    if (isLongRunning(info)) return
    const reading = info.kind === 'non-resource' || info.verb === 'get' || info.verb === 'list'
    if (reading) this.#reads += by
    else this.#writes += by
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

  #turnAway(head: RequestHead, info: RequestInfo, user: User, pass: FlowPass): Acceptance {
    const refusal = pass.refusal()
    this.#record(head, info, user, refusal.status, null)
    return {
      kind: 'refused',
      response: { ...refusal, headers: { ...refusal.headers, ...pass.headers } },
    }
  }

  /** A watch is begun, and no more is held against it. */
  #finish(accepted: Accepted, response: ApiResponse): ApiResponse {
    const { head, info, user, startMs, pass } = accepted
    pass.leave()
    this.#countInflight(info, -1)
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
    const resource = info.kind === 'resource' ? metricResource(info, this.#options.kinds) : ''
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

function errorResponse(head: RequestHead, { status, warnings }: ApiError): ApiResponse {
  return withWarnings(statusResponse(status, statusFormat(head.headers.get('accept'))), warnings)
}

const ownPaths = [
  openIdConfigurationPath,
  '/debug/api_priority_and_fairness/dump_priority_levels',
  '/debug/api_priority_and_fairness/dump_queues',
  '/debug/api_priority_and_fairness/dump_requests',
  '/healthz',
  '/livez',
  '/metrics',
  jwksPath,
  historyPath,
  whatIfPath,
  '/readyz',
  '/version',
]

/** Before those that it has. */
function withWarnings(response: ApiResponse, texts: readonly string[]): ApiResponse {
  if (texts.length === 0) return response
  const { warning = [] } = response.headers
  const others = typeof warning === 'string' ? [warning] : warning
  const headers = {
    ...response.headers,
    warning: [...(warningHeaders(texts)['warning'] ?? []), ...others],
  }
  return { ...response, headers }
}

function isLongRunning(info: RequestInfo): boolean {
  return (info.kind === 'resource' && info.verb === 'watch') || isOpenEnded(info)
}

function isOpenEnded(info: RequestInfo): boolean {
  return info.kind === 'resource' && isStream(info)
}

const streams = ['attach', 'exec', 'log', 'portforward', 'proxy']

/** A GET that becomes a stream runs something: who may only read may not. */
function impliedBy(info: RequestInfo): readonly RequestInfo[] {
  if (info.kind !== 'resource' || info.verb !== 'get') return []
  const runs = ['attach', 'exec', 'portforward'].includes(info.subresource)
  return runs ? [{ ...info, verb: 'create' }] : []
}

/** Goes on for as long as somebody behind us has something to say. */
function isStream(info: ResourceRequest): boolean {
  return streams.includes(info.subresource)
}

/** Only what is served becomes a label: users must not be able to make up series. */
function metricResource(info: ResourceRequest, kinds: KindRegistry): string {
  return kinds.find(info.group, info.version, info.resource) === null ? 'unknown' : info.resource
}
