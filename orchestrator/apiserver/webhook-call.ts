// One HTTPS call of a webhook that users run: by URL, or by Service, whose ready backends are dialled
// under the Service's name. Bounded in time and bytes, redirects are not followed.
// Counterpart: apiserver's util/webhook.

import { Agent, request } from 'node:https'
import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { JsonObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import type { WebhookClientConfig } from '../api/types/apiextensions.js'
import type { EndpointSlice } from '../api/types/discovery.js'
import type { Service } from '../api/types/core-service.js'
import { collectionPrefix, objectKey, resourceId } from './keys.js'
import type { RegistryCache } from './registry-cache.js'

/** Three times what the store takes for one object, for lists are converted whole. */
const answerBytesMax = 32 * 1024 * 1024
const bundlesMax = 64
const socketsMax = 16

interface Target {
  readonly host: string
  readonly port: number
  readonly path: string
  /** In certificates, and in messages. */
  readonly name: string
  readonly url: string
}

export interface WebhookCallerOptions {
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly random: Random
}

export class WebhookCaller {
  readonly #options: WebhookCallerOptions
  /** By certificate bundle, so that connections are kept. */
  readonly #agents = new Map<string, Agent>()

  constructor(options: WebhookCallerOptions) {
    this.#options = options
  }

  /** Rejects with an Error whose message says what went wrong, as clients may read it. */
  async post(
    config: WebhookClientConfig,
    body: JsonObject,
    timeoutMs: number,
  ): Promise<JsonObject> {
    const target = this.#target(config)
    const text = await this.#exchange(config, target, JSON.stringify(body), timeoutMs)
    let answer: unknown
    try {
      answer = JSON.parse(text)
    } catch {
      throw new Error(`Post ${JSON.stringify(target.url)}: the answer is not JSON`)
    }
    if (!isJsonObject(answer as JsonObject)) throw new Error('the answer is not an object')
    return answer as JsonObject
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #exchange(
    config: WebhookClientConfig,
    target: Target,
    body: string,
    timeoutMs: number,
  ): Promise<string> {
    const { clock } = this.#options
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        timer.cancel()
        reject(new Error(`Post ${JSON.stringify(target.url)}: ${why}`))
      }
      const outgoing = request({
        agent: this.#agent(config.caBundle ?? ''),
        host: target.host,
        port: target.port,
        path: target.path,
        servername: /^[\d.]+$|:/.test(target.name) ? '' : target.name,
        method: 'POST',
        headers: {
          host: target.port === 443 ? target.name : `${target.name}:${target.port}`,
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      })
      const timer = clock.setTimer(timeoutMs, () => {
        outgoing.destroy()
        fail('context deadline exceeded')
      })
      outgoing.on('error', error => fail(error.message))
      outgoing.on('response', incoming => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= answerBytesMax) chunks.push(chunk)
          else outgoing.destroy(new Error('the answer is too long'))
        })
        incoming.on('error', error => fail(error.message))
        incoming.on('end', () => {
          if (incoming.statusCode !== 200) {
            fail(`the server answered with status ${incoming.statusCode ?? 0}`)
            return
          }
          timer.cancel()
          resolve(Buffer.concat(chunks).toString('utf8'))
        })
      })
      outgoing.end(body)
    })
  }

  #agent(caBundle: string): Agent {
    const known = this.#agents.get(caBundle)
    if (known !== undefined) return known
    const [oldest] = this.#agents
    if (this.#agents.size >= bundlesMax && oldest !== undefined) {
      oldest[1].destroy()
      this.#agents.delete(oldest[0])
    }
    const agent = new Agent({
      keepAlive: true,
      maxSockets: socketsMax,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    })
    this.#agents.set(caBundle, agent)
    return agent
  }

  #target(config: WebhookClientConfig): Target {
    if (config.url !== undefined) {
      const url = new URL(config.url)
      const name = url.hostname.replace(/^\[|\]$/g, '')
      const port = url.port === '' ? 443 : Number(url.port)
      return { host: name, port, path: `${url.pathname}${url.search}`, name, url: config.url }
    }
    const { service } = config
    if (service === undefined) throw new Error('the webhook has neither a URL nor a Service')
    const { namespace, name, port = 443, path = '/' } = service
    const dns = `${name}.${namespace}.svc`
    const { host, port: backendPort } = this.#backend(namespace, name, port)
    return { host, port: backendPort, path, name: dns, url: `https://${dns}:${port}${path}` }
  }

  /** One ready backend by chance. */
  #backend(namespace: string, name: string, port: number): { host: string; port: number } {
    const { cache, random } = this.#options
    const services = resourceId('', 'services')
    const stored = cache.resource(services).get(objectKey(services, namespace, name))
    const found: Service | undefined = stored?.object
    if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`)
    const { type, externalName, ports = [] } = found.spec ?? {}
    if (type === 'ExternalName') return { host: externalName ?? '', port }
    const servicePort = ports.find(one => one.port === port)
    if (servicePort === undefined)
      throw new Error(`no service port ${port} found for service "${name}"`)
    const slices = resourceId('discovery.k8s.io', 'endpointslices')
    const backends = cache
      .resource(slices)
      .list(collectionPrefix(slices, namespace))
      .map(stored => stored.object as EndpointSlice)
      .filter(slice => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
      .flatMap(slice => {
        const sliced = slice.ports?.find(one => (one.name ?? '') === (servicePort.name ?? ''))?.port
        if (sliced === undefined) return []
        return (slice.endpoints ?? [])
          .filter(endpoint => endpoint.conditions?.ready !== false)
          .flatMap(endpoint => endpoint.addresses.map(host => ({ host, port: sliced })))
      })
    if (backends.length === 0) throw new Error(`no endpoints available for service "${name}"`)
    return backends[random.integer(backends.length)] as { host: string; port: number }
  }
}
