// One HTTPS call of a webhook that users run: by URL, or by Service, whose ready backends are dialled
// under the Service's name. Bounded in time and bytes, redirects are not followed.
// Counterpart: apiserver's util/webhook.

import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { JsonObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import type { WebhookClientConfig } from '../api/types/apiextensions.js'
import { wholeAnswer } from './kept-connections.js'
import type { ConnectionPool, Endpoint, KeptConnections, WholeAnswer } from './kept-connections.js'
import type { RegistryCache } from './registry-cache.js'
import { backendsInCache } from './service-backends.js'

/** Three times what the store takes for one object, for lists are converted whole. */
const answerBytesMax = 32 * 1024 * 1024

interface Target {
  /** In certificates, and in messages. */
  readonly name: string
  readonly port: number
  readonly path: string
  readonly url: string
}

export interface WebhookCallerOptions {
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly random: Random
  readonly connections: KeptConnections
}

export class WebhookCaller {
  readonly #options: WebhookCallerOptions

  constructor(options: WebhookCallerOptions) {
    this.#options = options
  }

  /**
   * `repeatable`: whether the webhook may be asked twice, should its first answer be lost. Rejects with an Error
   * whose message says what went wrong, as clients may read it.
   */
  async post(
    config: WebhookClientConfig,
    body: JsonObject,
    timeoutMs: number,
    repeatable: boolean,
  ): Promise<JsonObject> {
    const target = targetOf(config, timeoutMs)
    const text = await this.#exchange(config, target, JSON.stringify(body), timeoutMs, repeatable)
    let answer: unknown
    try {
      answer = JSON.parse(text)
    } catch (error) {
      const text = `couldn't get version/kind; json parse error: ${messageOf(error)}`
      throw new Error(text, { cause: error })
    }
    if (!isJsonObject(answer as JsonObject)) throw new Error('the answer is not an object')
    return answer as JsonObject
  }

  async #exchange(
    config: WebhookClientConfig,
    target: Target,
    body: string,
    timeoutMs: number,
    repeatable: boolean,
  ): Promise<string> {
    const failure = (why: string) => new Error(`Post ${JSON.stringify(target.url)}: ${why}`)
    let endpoint: Endpoint
    try {
      endpoint = this.#endpoint(config, target)
    } catch (error) {
      throw failure(messageOf(error))
    }
    const { name, port, path } = target
    const call = {
      endpoint,
      method: 'POST',
      path,
      headers: {
        host: port === httpsPort ? name : `${name}:${port}`,
        'content-type': 'application/json',
        accept: 'application/json, */*',
        'content-length': String(Buffer.byteLength(body)),
      },
      body,
      repeatable,
    }
    let answer: WholeAnswer
    try {
      const limits = { timeoutMs, bytesMax: answerBytesMax }
      answer = await wholeAnswer(this.#pool(config, target), call, this.#options.clock, limits)
    } catch (error) {
      throw failure(wireProblem(error, endpoint))
    }
    if (answer.status === okCode) return answer.text
    const contentType = answer.headers['content-type'] ?? ''
    throw new Error(statusProblem(answer.status, contentType, answer.text))
  }

  /** Webhooks of one name that trust the same share one. */
  #pool({ caBundle = '' }: WebhookClientConfig, { name }: Target): ConnectionPool {
    return this.#options.connections.pool(`webhook ${name} ${caBundle}`, '', () => ({
      secure: true,
      servername: /^[\d.]+$|:/.test(name) ? '' : name,
      ca: caBundle === '' ? null : Buffer.from(caBundle, 'base64'),
      identity: null,
      insecure: false,
    }))
  }

  #endpoint({ service }: WebhookClientConfig, { name, port }: Target): Endpoint {
    return service === undefined
      ? { host: name, port }
      : this.#backend(service.namespace, service.name, port)
  }

  /** One ready backend by chance. */
  #backend(namespace: string, name: string, port: number): Endpoint {
    const { cache, random } = this.#options
    const found = backendsInCache(cache, namespace, name, port)
    if (found.kind === 'no-service') throw new Error(`service ${JSON.stringify(name)} not found`)
    if (found.kind === 'no-port') {
      throw new Error(`no service port ${port} found for service "${name}"`)
    }
    if (found.kind !== 'ready') throw new Error(`no endpoints available for service "${name}"`)
    const { backends } = found
    return backends[random.integer(backends.length)] as Endpoint
  }
}

const httpsPort = 443
const okCode = 200

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Told how long we wait, as every webhook is. */
function targetOf({ url: given, service }: WebhookClientConfig, timeoutMs: number): Target {
  if (given === undefined && service === undefined) {
    throw new Error('the webhook has neither a URL nor a Service')
  }
  const { namespace = '', name = '', port = httpsPort, path = '/' } = service ?? {}
  const url = new URL(given ?? `https://${name}.${namespace}.svc${path}`)
  const timeout = `timeout=${Math.ceil(timeoutMs / 1000)}s`
  const tail = `${url.pathname}${url.search}${url.search === '' ? '?' : '&'}${timeout}`
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (given === undefined) {
    return { name: host, port, path: tail, url: `https://${host}:${port}${tail}` }
  }
  const at = url.port === '' ? httpsPort : Number(url.port)
  return { name: host, port: at, path: tail, url: `https://${url.host}${tail}` }
}

const strangers: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** What broke between us and a webhook, as clients written in Go say it. */
function wireProblem(error: unknown, { host, port }: Endpoint): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const untrusted = 'tls: failed to verify certificate: x509: certificate'
  if (strangers.has(code)) return `${untrusted} signed by unknown authority`
  if (code === 'CERT_HAS_EXPIRED') return `${untrusted} has expired or is not yet valid`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${untrusted} is not valid for ${host}`
  const dial = `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}`
  switch (code) {
    case 'ECONNREFUSED':
      return `${dial}: connect: connection refused`
    case 'EHOSTUNREACH':
      return `${dial}: connect: no route to host`
    case 'ENOTFOUND':
      return `dial tcp: lookup ${host}: no such host`
    case 'ECONNRESET':
      return 'EOF'
    default:
      return messageOf(error)
  }
}

const statusProblems: ReadonlyMap<number, string> = new Map([
  [400, 'the server rejected our request for an unknown reason'],
  [401, 'the server has asked for the client to provide credentials'],
  [404, 'the server could not find the requested resource'],
  [405, 'the server does not allow this method on the requested resource'],
  [409, 'the server reported a conflict'],
  [422, 'the server rejected our request due to an error in our request'],
  [429, 'the server has received too many requests and has asked us to try again later'],
  [503, 'the server is currently unable to handle the request'],
  [
    504,
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
])
const serverErrorMin = 500
const shownCharactersMax = 2_048

/** An answer that is none. Counterpart: NewGenericServerResponse of k8s.io/apimachinery. */
function statusProblem(status: number, contentType: string, text: string): string {
  const shown = contentType.startsWith('text/')
    ? text.trim().slice(0, shownCharactersMax)
    : 'unknown'
  if (status === 403) return shown
  const known = statusProblems.get(status)
  if (known !== undefined) return known
  return status >= serverErrorMin
    ? `an error on the server (${JSON.stringify(shown)}) has prevented the request from succeeding`
    : `the server responded with the status code ${status} but did not return more information`
}
