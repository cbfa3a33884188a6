// metrics.k8s.io: what nodes and pods use, as `kubectl top` and autoscalers ask for it. Kubelets are asked
// only while somebody wants to know: the first who does waits for two looks a second apart, and from
// then on they are taken regularly until nobody has asked for a while. Counterpart: metrics-server.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import { metricsGroup, nodeMetrics } from '../api/kinds/metrics/usage.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import { notFound } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import { parseScrape, rateBetween } from '../api/usage-samples.js'
import type { Scrape, UsageRate } from '../api/usage-samples.js'
import { timestamp } from './deletion.js'
import type { ApiResponse } from './exchange.js'
import type { KubeletGateway } from './kubelet-gateway.js'
import { listResponse } from './list-rendering.js'
import { asObject, textAt } from './object-fields.js'
import { compileFilter } from './object-filter.js'
import type { ObjectReader } from './object-reader.js'
import { parseListOptions } from './query-options.js'
import { objectResponse } from './rendering.js'
import type { Call } from './resource-endpoints.js'
import { encodeObject, StoredObject } from './stored-object.js'

export interface UsageOptions {
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly logger: Logger
  /** Null: this server has no client certificate for kubelets. */
  readonly kubelet: KubeletGateway | null
}

interface NodeUsage {
  readonly before: Scrape | null
  readonly after: Scrape
}

const scrapeMs = 15_000
const firstWindowMs = 1_000
/** Without a question for as long, kubelets are left in peace. */
const interestMs = 10 * 60_000
const timeoutMs = 5_000
/** Kubelets that are asked at a time. */
const batch = 32

export class UsageEndpoints {
  readonly #options: UsageOptions
  readonly #usages = new Map<string, NodeUsage>()
  #beginning: Promise<void> | null = null
  #timer: Timer | null = null
  #askedAtMs = 0
  #stopped = false

  constructor(options: UsageOptions) {
    this.#options = options
  }

  handles(group: string): boolean {
    return group === metricsGroup
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** get and list. Throws ApiError NotFound, BadRequest. */
  async answer(call: Call): Promise<ApiResponse> {
    const { info, kind, negotiated } = call
    await this.#awake()
    const nowMs = this.#options.clock.wallMs()
    const options = parseListOptions(info.query, false)
    const filter = compileFilter(kind, options.labelSelector, options.fieldSelector, info.name)
    const all = kind === nodeMetrics ? this.#nodes() : this.#pods(info.namespace)
    const stored = all
      .map(one => new StoredObject(`/${one.metadata.name ?? ''}`, 0, encodeObject(one)))
      .filter(one => filter?.(one) ?? true)
    if (info.name === '') return listResponse(kind, stored, {}, negotiated, nowMs)
    const [only] = stored
    if (only === undefined) throw this.#missing(call)
    return objectResponse(200, kind, only, negotiated, nowMs)
  }

  /** Either it is not there, or nothing is known of it. */
  #missing({ info, kind }: Call): ApiError {
    const { plural } = kind
    const { namespace, name } = info
    const object = this.#options.reader.cachedAt('', plural, namespace, name)
    if (object === undefined) return notFound({ group: '', plural }, name)
    const { group } = kind
    const whole = namespace === '' ? name : `${namespace}/${name}`
    return notFound({ group, plural: kind.kind.toLowerCase() }, whole)
  }

  #nodes(): readonly KubeObject[] {
    const { reader } = this.#options
    return reader.cachedList('', 'nodes', '').flatMap(({ object }) => {
      const rate = this.#rate(object.metadata.name ?? '', '')
      return rate === null ? [] : [measured('NodeMetrics', object, rate, { usage: usageOf(rate) })]
    })
  }

  #pods(namespace: string): readonly KubeObject[] {
    const { reader } = this.#options
    return reader.cachedList('', 'pods', namespace).flatMap(stored => {
      const node = stored.field('spec.nodeName', pod => textAt(pod, 'spec.nodeName'))
      const usage = this.#usages.get(node)
      if (usage === undefined) return []
      const object = stored.glance()
      const prefix = `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}/`
      const rates: (readonly [string, UsageRate])[] = []
      for (const key of usage.after.keys()) {
        const rate = key.startsWith(prefix) ? this.#rate(node, key) : null
        if (rate !== null) rates.push([key.slice(prefix.length), rate])
      }
      const [first] = rates
      if (first === undefined) return []
      const containers = rates.map(([name, rate]) => ({ name, usage: usageOf(rate) }))
      return [measured('PodMetrics', object, first[1], { containers })]
    })
  }

  #rate(node: string, key: string): UsageRate | null {
    const { before, after } = this.#usages.get(node) ?? {}
    const sample = after?.get(key)
    return sample === undefined ? null : rateBetween(before?.get(key), sample)
  }

  /** Resolves once there have been two looks. */
  async #awake(): Promise<void> {
    this.#askedAtMs = this.#options.clock.monotonicMs()
    if (this.#timer !== null) return
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = null
    })
    await this.#beginning
  }

  async #begin(): Promise<void> {
    const { clock } = this.#options
    await this.#scrape()
    await new Promise<void>(resolve => {
      clock.setTimer(firstWindowMs, resolve)
    })
    await this.#scrape()
    this.#again()
  }

  #again(): void {
    if (this.#stopped) return
    const { clock } = this.#options
    this.#timer = clock.setTimer(scrapeMs, () => {
      if (clock.monotonicMs() - this.#askedAtMs > interestMs) {
        this.#timer = null
        this.#usages.clear()
        return
      }
      this.#scrape().then(
        () => this.#again(),
        () => this.#again(),
      )
    })
  }

  async #scrape(): Promise<void> {
    const nodes = this.#options.reader.cachedList('', 'nodes', '').map(one => one.object)
    const names = new Set(nodes.map(({ metadata }) => metadata.name ?? ''))
    for (const name of this.#usages.keys()) if (!names.has(name)) this.#usages.delete(name)
    for (let at = 0; at < nodes.length; at += batch) {
      await Promise.all(nodes.slice(at, at + batch).map(node => this.#scrapeOne(node)))
    }
  }

  async #scrapeOne(node: KubeObject): Promise<void> {
    const { kubelet, logger } = this.#options
    if (kubelet === null) return
    const { name = '' } = node.metadata
    try {
      const after = parseScrape(await kubelet.text(node, '/metrics/resource', timeoutMs))
      this.#usages.set(name, { before: this.#usages.get(name)?.after ?? null, after })
    } catch (error) {
      // What it used some time ago is not what it uses.
      this.#usages.delete(name)
      logger.debug({ node: name, error: String(error) }, 'usage of a node not known')
    }
  }
}

function usageOf({ cpuNanoCores, memoryBytes }: UsageRate): JsonObject {
  return { cpu: `${cpuNanoCores}n`, memory: `${Math.round(memoryBytes / 1024)}Ki` }
}

function measured(
  kind: string,
  { metadata }: KubeObject,
  { atMs, windowMs }: UsageRate,
  more: JsonObject,
): KubeObject {
  const { name, namespace, labels } = metadata
  return asObject({
    apiVersion: `${metricsGroup}/v1beta1`,
    kind,
    metadata: {
      name: name ?? '',
      ...(namespace === undefined ? {} : { namespace }),
      creationTimestamp: timestamp(atMs),
      ...(labels === undefined ? {} : { labels }),
    },
    timestamp: timestamp(atMs),
    window: `${windowMs / 1000}s`,
    ...more,
  })
}
