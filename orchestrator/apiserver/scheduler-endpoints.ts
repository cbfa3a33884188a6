// GET /raftsman/explain/NAMESPACE/POD: why the scheduler put a pod where it is, or nowhere. POST /raftsman/what-if: what it
// would do if. Either is asked of the scheduler that leads, whose Lease says where its port is; what is asked is
// checked here, where the shapes are known. Kubernetes has no counterpart.

import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { Clock } from '../../platform/clock.js'
import type { TlsFiles } from '../../platform/network.js'
import { checkShape, parseBody, typeError } from '../api/decode.js'
import type { Kind } from '../api/kind.js'
import { lease } from '../api/kinds/coordination/lease.js'
import { node } from '../api/kinds/core/node.js'
import { pod } from '../api/kinds/core/pod.js'
import { podDisruptionBudget } from '../api/kinds/policy/pod-disruption-budget.js'
import type { Json } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import {
  type ApiError,
  badRequest,
  internalError,
  isStatusReason,
  methodNotAllowed,
  pathNotFound,
  serviceUnavailable,
} from '../api/status.js'
import { servingUrlAnnotation } from '../client/lease-decision.js'
import { bytesResponse } from './exchange.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import { textAt } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'

const explainPath = '/raftsman/explain'
export const whatIfPath = '/raftsman/what-if'

export interface SchedulerEndpointsOptions {
  readonly reader: ObjectReader
  readonly clock: Clock
  /** As which kubelets know this server, and schedulers too; null: neither can be asked. */
  readonly identity: TlsFiles | null
}

interface Answer {
  readonly status: number
  readonly body: Buffer
}

const askMsMax = 30_000
const answerBytesMax = 64 * 1024 * 1024
const asksMax = 16

export class SchedulerEndpoints {
  readonly #options: SchedulerEndpointsOptions
  readonly #agent: Agent | null
  #asks = 0

  /** Throws where the certificates cannot be read. */
  constructor(options: SchedulerEndpointsOptions) {
    const { identity } = options
    this.#options = options
    this.#agent =
      identity === null
        ? null
        : new Agent({
            cert: readFileSync(identity.certFile),
            key: readFileSync(identity.keyFile),
            ca: readFileSync(identity.caFile),
            keepAlive: true,
            maxFreeSockets: 2,
          })
  }

  close(): void {
    this.#agent?.destroy()
  }

  handles(path: string): boolean {
    return path === whatIfPath || path.startsWith(`${explainPath}/`)
  }

  /** Throws ApiError. */
  async answer(path: string, { method, body, headers }: ApiRequest): Promise<ApiResponse> {
    if (path === whatIfPath) {
      if (method !== 'POST') throw methodNotAllowed({ group: '', plural: 'what-if' }, method)
      const question = checkedQuestion(body, headers.get('content-type') ?? 'application/json')
      return this.#ask('POST', '/what-if', Buffer.from(JSON.stringify(question)))
    }
    const [namespace = '', name = '', more] = path.slice(explainPath.length + 1).split('/')
    if (namespace === '' || name === '' || more !== undefined) throw pathNotFound()
    const query = new URLSearchParams({
      namespace: decodeURIComponent(namespace),
      pod: decodeURIComponent(name),
    })
    await this.#options.reader.get(pod, query.get('namespace') ?? '', query.get('pod') ?? '')
    return this.#ask('GET', `/explain?${query.toString()}`, null)
  }

  async #ask(method: 'GET' | 'POST', path: string, body: Buffer | null): Promise<ApiResponse> {
    if (this.#asks >= asksMax) throw serviceUnavailable('the scheduler is being asked too much', 1)
    this.#asks += 1
    try {
      const { status, body: answer } = await this.#sent(
        await this.#schedulerUrl(),
        method,
        path,
        body,
      )
      if (status === 200) return bytesResponse(200, 'application/json', [answer])
      throw refusal(status, answer.toString('utf8').trim())
    } finally {
      this.#asks -= 1
    }
  }

  /** Throws ApiError ServiceUnavailable where none leads, or the one that does has no port. */
  async #schedulerUrl(): Promise<string> {
    const stored = await this.#options.reader
      .get(lease, 'kube-system', 'kube-scheduler')
      .catch((error: unknown) => {
        if (isStatusReason(error, 'NotFound')) return null
        throw error
      })
    const holder = stored === null ? '' : textAt(stored.object, 'spec.holderIdentity')
    if (stored === null || holder === '') throw serviceUnavailable('no scheduler leads', 2)
    const url = stored.object.metadata.annotations?.[servingUrlAnnotation]
    if (url !== undefined && url.startsWith('https://')) return url
    throw serviceUnavailable(`the scheduler ${holder} has no port that could be asked`)
  }

  #sent(url: string, method: 'GET' | 'POST', path: string, body: Buffer | null): Promise<Answer> {
    const agent = this.#agent
    if (agent === null) throw serviceUnavailable('this server has no certificate for schedulers')
    const { clock } = this.#options
    return new Promise((resolve, reject) => {
      const outgoing = request(`${url}${path}`, {
        agent,
        method,
        headers: body === null ? {} : { 'content-length': body.length },
      })
      const timer = clock.setTimer(askMsMax, () => outgoing.destroy(new Error('no answer in time')))
      const fail = (error: Error) => {
        timer.cancel()
        reject(serviceUnavailable(`the scheduler at ${url}: ${error.message}`, 2))
      }
      outgoing.on('error', fail)
      outgoing.on('response', answer => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= answerBytesMax) chunks.push(chunk)
          else outgoing.destroy(new Error('the answer is too long'))
        })
        answer.on('error', fail)
        answer.on('end', () => {
          timer.cancel()
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) })
        })
      })
      outgoing.end(body ?? undefined)
    })
  }
}

function refusal(status: number, message: string): ApiError {
  if (status === 404) return pathNotFound(message)
  if (status === 422) return badRequest(message)
  if (status === 503) return serviceUnavailable(message, 2)
  return internalError(`the scheduler answered ${status}: ${message}`)
}

/**
 * With objects as their kinds have them; what else there is to say against it is the scheduler's to say. Throws
 * ApiError BadRequest.
 */
function checkedQuestion(body: Uint8Array, contentType: string): Json {
  const { value } = parseBody(body, contentType)
  const question = withItems(value, 'budgets', one => shaped(podDisruptionBudget, one))
  const withPods = withItems(question, 'pods', one =>
    isJsonObject(one) && one['pod'] !== undefined ? { ...one, pod: shaped(pod, one['pod']) } : one,
  )
  if (!isJsonObject(withPods) || withPods['nodes'] === undefined) return withPods
  const nodes = withItems(withPods['nodes'], 'add', one => shaped(node, one))
  return { ...withPods, nodes }
}

function withItems(value: Json, name: string, change: (item: Json) => Json): Json {
  if (!isJsonObject(value)) return value
  const items = value[name]
  return Array.isArray(items) ? { ...value, [name]: (items as Json[]).map(change) } : value
}

function shaped(kind: Kind, value: Json): Json {
  if (!isJsonObject(value)) throw badRequest(`a ${kind.kind} is no object`)
  const { object, typeErrors } = checkShape(kind, value)
  if (typeErrors.length > 0) throw typeError(kind, typeErrors)
  return object
}
