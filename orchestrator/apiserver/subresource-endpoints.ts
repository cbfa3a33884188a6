// Subresources that are not the object itself: scale, binding, eviction, finalize, log, token.
// Counterpart: the REST storages beside each kind in registry/.

import type { KubeObject } from '../api/object.js'
import {
  badRequest,
  isStatusReason,
  methodNotAllowed,
  notFound,
  pathNotFound,
  serviceUnavailable,
  success,
} from '../api/status.js'
import { fromStored, toStored } from '../api/stored-version.js'
import { binding as bindingKind } from '../api/kinds/core/binding.js'
import { pod as podKind } from '../api/kinds/core/pod.js'
import { podDisruptionBudget } from '../api/kinds/policy/pod-disruption-budget.js'
import type { Pod } from '../api/types/core-pod.js'
import { evictionType, scaleType } from '../api/wire-types.js'
import { isJsonObject } from '../api/record.js'
import { updateOptions } from './admission/options.js'
import { decodeConfiguration, settled } from './applying.js'
import {
  checkName,
  checkNamespace,
  type Decoded,
  decodeObject,
  warningHeaders,
} from './decoding.js'
import { checkPreconditions, timestamp } from './deletion.js'
import { chargeBudget, markedForEviction, planEviction } from './eviction.js'
import type { ApiResponse } from './exchange.js'
import { appliedObject, ownersAfter } from './field-management.js'
import { asJson, fieldAt, textAt, withMetadata } from './object-fields.js'
import { applyPatch, patchTypeOf } from './patching.js'
import { bind } from './pod-binding.js'
import { parseDeleteOptions, parsePatchOptions, parseWriteOptions } from './query-options.js'
import type { DeleteOptions, WriteOptions } from './query-options.js'
import { jsonResponse, statusResponse } from './rendering.js'
import { checkVersion } from './resource-endpoints.js'
import type { Call, EndpointServices, ResourceEndpoints } from './resource-endpoints.js'
import type { Change } from './object-writer.js'
import type { KubeletGateway } from './kubelet-gateway.js'
import { podContainer } from './pod-container.js'
import { openPodStream } from './pod-streams.js'
import type { KeptConnections } from './kept-connections.js'
import { passToProxied } from './proxy-endpoints.js'
import { configOfScale, scaleOf, withScale } from './scale.js'
import type { TokenSigner } from './service-account-tokens.js'
import type { StoredObject } from './stored-object.js'
import { partOf, prepareFinalize } from './strategy.js'
import { admitBody, admitConnection, admitReview } from './subresource-admission.js'
import { createToken } from './token-requests.js'
import type { Lens } from './write-admission.js'

/** Rounds against a pod that changes while it is evicted. */
const evictionRoundsMax = 20

export interface SubresourceServices extends EndpointServices {
  readonly endpoints: ResourceEndpoints
  /** Null: this server has no client certificate for kubelets. */
  readonly kubelet: KubeletGateway | null
  /** Null: this server has no key to sign tokens with. */
  readonly signer: TokenSigner | null
  readonly connections: KeptConnections
}

export class SubresourceEndpoints {
  readonly #services: SubresourceServices

  constructor(services: SubresourceServices) {
    this.#services = services
  }

  /** Throws ApiError: NotFound for a subresource that the kind does not have. */
  async handle(call: Call): Promise<ApiResponse> {
    const { kind, info } = call
    const { endpoints } = this.#services
    switch (`${kind.group}/${kind.plural}/${info.subresource}`) {
      case '/pods/binding':
        return this.#binding(call)
      case '/pods/eviction':
        return this.#eviction(call)
      case '/pods/log':
        return this.#log(call)
      case '/pods/exec':
      case '/pods/attach':
      case '/pods/portforward':
        await admitConnection(this.#services.admission, call)
        return openPodStream(this.#services, call)
      case '/pods/proxy':
      case '/services/proxy':
      case '/nodes/proxy':
        await admitConnection(this.#services.admission, call)
        return passToProxied(this.#services, call)
      case '/serviceaccounts/token':
        return createToken(this.#services, this.#services.signer, call)
      case '/namespaces/finalize':
        return this.#finalize(call)
      default:
        break
    }
    const ofStatus = info.subresource === 'status' && kind.hasStatus
    if (ofStatus || partOf(kind, info.subresource) !== null) {
      if (info.verb === 'get') return endpoints.get(call)
      if (info.verb === 'update') return endpoints.update(call)
      if (info.verb === 'patch') return endpoints.patch(call)
      throw methodNotAllowed(kind, info.verb)
    }
    if (info.subresource === 'scale' && kind.scale !== null) return this.#scale(call)
    throw pathNotFound(`${kind.plural}/${info.subresource} is not served`)
  }

  /** POST bindings, where the name in the body says which pod is meant. Throws ApiError. */
  async bindNamed(call: Call): Promise<ApiResponse> {
    const { info } = call
    const options = parseWriteOptions(info.query)
    const decoded = this.#decodedBinding(call, options)
    checkNamespace(bindingKind, decoded.object, info.namespace)
    const { admission } = this.#services
    const check = (binding: KubeObject): KubeObject => {
      if ((binding.metadata.name ?? '') === '') throw badRequest('Name parameter required.')
      return binding
    }
    const admitted = await admitReview(admission, call, decoded.object, options, check)
    const { object, warnings } = admitted
    const name = object.metadata.name ?? ''
    return this.#bound(info.namespace, name, object, options, [...decoded.warnings, ...warnings])
  }

  /** POST pods/<name>/binding. Throws ApiError. */
  async #binding(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    if (info.verb !== 'create') throw methodNotAllowed(kind, info.verb)
    const options = parseWriteOptions(info.query)
    const decoded = this.#decodedBinding(call, options)
    const { admission } = this.#services
    const check = (binding: KubeObject): KubeObject => {
      checkNamed(binding, info.name, 'Binding')
      return binding
    }
    const admitted = await admitBody(admission, call, bindingKind, decoded.object, options, check)
    const { object, warnings } = admitted
    return this.#bound(info.namespace, info.name, object, options, [
      ...decoded.warnings,
      ...warnings,
    ])
  }

  #decodedBinding({ request }: Call, { fieldValidation }: WriteOptions): Decoded {
    const contentType = request.headers.get('content-type') ?? ''
    return decodeObject(bindingKind, request.body, contentType, fieldValidation)
  }

  async #bound(
    namespace: string,
    podName: string,
    binding: KubeObject,
    { dryRun }: WriteOptions,
    warnings: readonly string[],
  ): Promise<ApiResponse> {
    const now = timestamp(this.#services.clock.wallMs())
    const change = (pod: KubeObject) => ({ kind: 'put', object: bind(pod, binding, now) }) as const
    await this.#services.writer.change(podKind, namespace, podName, change, dryRun)
    return created(warnings)
  }

  /** POST pods/<name>/eviction: a delete that disruption budgets may refuse. */
  async #eviction(call: Call): Promise<ApiResponse> {
    const { info, request, kind } = call
    if (info.verb !== 'create') throw methodNotAllowed(kind, info.verb)
    const write = parseWriteOptions(info.query)
    const contentType = request.headers.get('content-type') ?? ''
    const decoded = decodeObject(evictionType, request.body, contentType, write.fieldValidation)
    const { admission } = this.#services
    const { object, warnings } = await admitBody(
      admission,
      call,
      evictionType,
      decoded.object,
      write,
      eviction => {
        checkNamed(eviction, info.name, 'Eviction')
        return eviction
      },
    )
    const body = fieldAt(object, 'deleteOptions')
    const options = parseDeleteOptions(new URLSearchParams(), isJsonObject(body) ? body : null)
    const dryRun = options.dryRun || write.dryRun
    await this.#evict(call, { ...options, dryRun })
    return created([...decoded.warnings, ...warnings])
  }

  /** Throws ApiError: TooManyRequests where the pod's budget does not allow it. */
  async #evict(call: Call, options: DeleteOptions): Promise<void> {
    const { info, kind } = call
    const { reader, writer, clock, endpoints } = this.#services
    for (let round = 1; ; round++) {
      // A read that is fresh brings the budgets up to date as well.
      const pod = (await reader.get(kind, info.namespace, info.name)).object as Pod
      const stored = reader.cachedList('policy', 'poddisruptionbudgets', info.namespace)
      const budgets = stored.map(({ object }) => object)
      const plan = planEviction(pod, budgets)
      if (plan.kind === 'charge') {
        const now = timestamp(clock.wallMs())
        await writer.change(
          podDisruptionBudget,
          info.namespace,
          plan.budget.metadata.name ?? '',
          budget => ({ kind: 'put', object: chargeBudget(budget, info.name, now) }),
          options.dryRun,
        )
      }
      const guarded =
        plan.kind === 'delete' && plan.unchanged && options.resourceVersion === null
          ? { ...options, resourceVersion: pod.metadata.resourceVersion ?? null }
          : options
      try {
        const marked = await this.#markForEviction(call, guarded)
        await endpoints.deleteOne(call, info, marked, true)
        return
      } catch (error) {
        const changed = guarded !== options && isStatusReason(error, 'Conflict')
        if (!changed || round >= evictionRoundsMax) throw error
      }
    }
  }

  /** What the deletion that follows is to hold for. Throws ApiError Conflict. */
  async #markForEviction({ info }: Call, options: DeleteOptions): Promise<DeleteOptions> {
    if (options.dryRun) return options
    const now = timestamp(this.#services.clock.wallMs())
    const mark = (current: KubeObject): Change => {
      checkPreconditions(podKind, current, options)
      return { kind: 'put', object: markedForEviction(current as Pod, now) }
    }
    const { writer } = this.#services
    const { object } = await writer.change(podKind, info.namespace, info.name, mark, false)
    const { resourceVersion = '' } = object.object.metadata
    return options.resourceVersion === null ? options : { ...options, resourceVersion }
  }

  /** PUT namespaces/<name>/finalize. */
  async #finalize(call: Call): Promise<ApiResponse> {
    const { info, request, kind } = call
    if (info.verb !== 'update') throw methodNotAllowed(kind, info.verb)
    const options = parseWriteOptions(info.query)
    const contentType = request.headers.get('content-type') ?? ''
    const { object } = decodeObject(kind, request.body, contentType, options.fieldValidation)
    checkName(object, info.name)
    const { endpoints, admission } = this.#services
    let warnings: readonly string[] = []
    const result = await this.#services.writer.change(
      kind,
      '',
      info.name,
      async current => {
        checkVersion(kind, object, current)
        const writer = endpoints.writerOf(call, options)
        const next = prepareFinalize(object, current)
        const managedFields = ownersAfter(kind, next, current, writer)
        const owned = withMetadata(next, { managedFields })
        const admitted = await admission.passed({
          kind,
          requestKind: kind,
          body: null,
          subresource: 'finalize',
          operation: 'update',
          namespace: info.namespace,
          name: info.name,
          object: owned,
          old: current,
          user: call.user,
          options: updateOptions(options),
          dryRun: options.dryRun,
        })
        warnings = admitted.warnings
        return { kind: 'put', object: prepareFinalize(admitted.object ?? owned, owned) }
      },
      options.dryRun,
    )
    const { format } = call.negotiated
    return jsonResponse(200, asJson(result.object.object), format, warningHeaders(warnings))
  }

  async #scale(call: Call): Promise<ApiResponse> {
    const { info, request, kind, negotiated } = call
    const description = kind.scale
    if (description === null) throw pathNotFound()
    const answer = async (stored: StoredObject, warnings: readonly string[] = []) => {
      await this.#services.conversions.ready(kind, [stored])
      const object = fromStored(kind, stored.object)
      const scale = asJson(scaleOf(description, object))
      return jsonResponse(200, scale, negotiated.format, warningHeaders(warnings))
    }
    if (info.verb === 'get') {
      const { reader } = this.#services
      return answer(await reader.get(kind, info.namespace, info.name))
    }
    const contentType = request.headers.get('content-type') ?? ''
    const main = { ...call, info: { ...info, subresource: '' } }
    const lens: Lens = {
      subresource: 'scale',
      body: scaleType,
      of: object => scaleOf(description, fromStored(kind, object)),
      into: (object, scale) =>
        toStored(kind, withScale(description, fromStored(kind, object), scale)),
    }
    const change = (
      options: WriteOptions,
      next: (current: KubeObject) => KubeObject,
      owned = false,
    ) => this.#services.endpoints.modify(main, options, next, { lens, owned })
    const replace = (current: KubeObject, scale: KubeObject): KubeObject => {
      checkVersion(kind, scale, current)
      return withScale(description, current, scale)
    }
    if (info.verb === 'update') {
      const options = parseWriteOptions(info.query)
      const { fieldValidation } = options
      const { object, warnings } = decodeObject(
        scaleType,
        request.body,
        contentType,
        fieldValidation,
      )
      checkName(object, info.name)
      return answer(await change(options, current => replace(current, object)), warnings)
    }
    if (info.verb !== 'patch') throw methodNotAllowed(kind, info.verb)
    const type = patchTypeOf(contentType, kind)
    const options = parsePatchOptions(info.query, type === 'apply')
    const { fieldValidation, force } = options
    if (type === 'apply') {
      const { config, warnings } = decodeConfiguration(
        scaleType,
        info,
        request.body,
        contentType,
        fieldValidation,
      )
      const writer = this.#services.endpoints.writerOf(call, options)
      const wanted = configOfScale(kind, description, config)
      const next = (current: KubeObject): KubeObject => {
        const object = settled(kind, appliedObject(kind, current, wanted, writer, force))
        checkName(object, info.name)
        return object
      }
      return answer(await change(options, next, true), warnings)
    }
    let warnings: readonly string[] = []
    const stored = await change(options, current => {
      const scale = scaleOf(description, current)
      const patched = applyPatch(scaleType, scale, type, request.body, fieldValidation)
      warnings = patched.warnings
      return replace(current, patched.object)
    })
    return answer(stored, warnings)
  }

  /** GET pods/<name>/log: streamed from the kubelet of the pod's node. */
  async #log(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    if (info.verb !== 'get') throw methodNotAllowed(kind, info.verb)
    const { reader, kubelet } = this.#services
    const pod = (await reader.get(kind, info.namespace, info.name)).object
    const container = podContainer(pod, info.query.get('container') ?? '')
    const nodeName = textAt(pod, 'spec.nodeName')
    // As in Kubernetes: a pod without a node has an empty log, not an error.
    if (nodeName === '') return logText('')
    const node = reader.cachedAt('', 'nodes', '', nodeName)
    if (node === undefined) throw notFound({ group: '', plural: 'nodes' }, nodeName)
    if (kubelet === null) {
      throw serviceUnavailable('this API server has no client certificate for kubelets')
    }
    const place = { namespace: info.namespace, name: info.name, container }
    return kubelet.logs(node.object, place, logQuery(info.query), call)
  }
}

/** Throws ApiError BadRequest where it is about another object than the URL. */
function checkNamed({ metadata: { name = '' } }: KubeObject, wanted: string, kind: string): void {
  if (name !== '' && name !== wanted) {
    throw badRequest(`name in URL does not match name in ${kind} object`)
  }
}

function created(warnings: readonly string[]): ApiResponse {
  const response = statusResponse({ ...success(), code: 201 })
  return { ...response, headers: { ...response.headers, ...warningHeaders(warnings) } }
}

function logText(text: string): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: { kind: 'bytes', chunks: [new TextEncoder().encode(text)] },
  }
}

const logOptions = [
  'follow',
  'previous',
  'timestamps',
  'tailLines',
  'limitBytes',
  'sinceSeconds',
  'sinceTime',
] as const

/** Only the options of a log request go on to a kubelet. Throws ApiError BadRequest. */
export function logQuery(query: URLSearchParams): URLSearchParams {
  const reduced = new URLSearchParams()
  for (const option of logOptions) {
    const value = query.get(option)
    if (value === null) continue
    const number = option === 'tailLines' || option === 'limitBytes' || option === 'sinceSeconds'
    if (number && !/^\d{1,15}$/.test(value)) {
      throw badRequest(`${option}: must be a whole number, not ${JSON.stringify(value)}`)
    }
    reduced.set(option, value)
  }
  return reduced
}
