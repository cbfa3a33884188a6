// The ports on which a proxy is asked for its health: /healthz and /livez of its own, and one a Service whose
// balancer wants to know which nodes have somebody. Counterpart: pkg/proxy/healthcheck's servers.

import http from 'node:http'
import type { Clock } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Counter, Metrics } from '../../../platform/metrics.js'
import type { AddressFamily } from '../../api/address-range.js'
import type { Node } from '../../api/types/core-node.js'
import type { ServicePortPlan } from '../service-ports.js'
import type { SyncObserver } from '../service-proxy.js'
import {
  type HealthAnswer,
  isEligible,
  isHealthy,
  type LocalService,
  localServices,
  type ProxyState,
  serviceAnswer,
  stateAnswer,
} from './health-answers.js'

export interface HealthServersOptions {
  /** Where the ports of Services are opened: addresses of this node. */
  readonly hosts: readonly string[]
  /** Of /healthz and /livez; upstream's is 10256. Null without. */
  readonly listen: { readonly host: string; readonly port: number } | null
  readonly node: () => Node | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Balancers ask briefly, and one at a time each. */
const connectionsMax = 256
const requestTimeoutMs = 10_000

interface Opened {
  readonly port: number
  readonly servers: readonly http.Server[]
}

export class HealthServers implements SyncObserver {
  readonly #options: HealthServersOptions
  readonly #counts: Readonly<Record<'healthz' | 'livez', Counter>>
  readonly #opened = new Map<string, Opened>()
  #own: http.Server | null = null
  #services: ReadonlyMap<string, LocalService> = new Map()
  #state: ProxyState = { pendingSinceMs: null, lastUpdatedMs: null }

  constructor(options: HealthServersOptions) {
    this.#options = options
    const count = (name: string): Counter =>
      options.metrics.counter(`kubeproxy_proxy_${name}_total`, `Answers of /${name}`, ['code'])
    this.#counts = { healthz: count('healthz'), livez: count('livez') }
  }

  start(): void {
    const { listen } = this.#options
    if (listen === null) return
    this.#own = this.#serve(listen.host, listen.port, path => this.#ownAnswer(path))
  }

  stop(): void {
    for (const { servers } of this.#opened.values()) for (const server of servers) end(server)
    this.#opened.clear()
    if (this.#own !== null) end(this.#own)
  }

  queued(): void {
    const { pendingSinceMs } = this.#state
    this.#state = {
      ...this.#state,
      pendingSinceMs: pendingSinceMs ?? this.#options.clock.monotonicMs(),
    }
  }

  synced(plans: ReadonlyMap<AddressFamily, ReadonlyMap<string, readonly ServicePortPlan[]>>): void {
    this.#state = { pendingSinceMs: null, lastUpdatedMs: this.#options.clock.wallMs() }
    this.#services = localServices([...plans.values()])
    for (const [key, { port, servers }] of this.#opened) {
      if (this.#services.get(key)?.port === port) continue
      for (const server of servers) end(server)
      this.#opened.delete(key)
    }
    for (const [key, { port }] of this.#services) {
      if (this.#opened.has(key)) continue
      const servers = this.#options.hosts.map(host =>
        this.#serve(host, port, () => this.#serviceAnswer(key)),
      )
      this.#opened.set(key, { port, servers })
    }
  }

  #ownAnswer(path: string): HealthAnswer | null {
    if (path !== '/healthz' && path !== '/livez') return null
    const { clock, node } = this.#options
    const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
    const answer = stateAnswer(this.#state, now, path === '/healthz' ? isEligible(node()) : null)
    this.#counts[path === '/healthz' ? 'healthz' : 'livez'].add(1, { code: String(answer.status) })
    return answer
  }

  #serviceAnswer(key: string): HealthAnswer | null {
    const service = this.#services.get(key)
    const { clock } = this.#options
    return service === undefined
      ? null
      : serviceAnswer(service, isHealthy(this.#state, clock.monotonicMs()))
  }

  #serve(host: string, port: number, answerOf: (path: string) => HealthAnswer | null): http.Server {
    const server = http.createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
      const answer = answerOf((request.url ?? '').split('?')[0] ?? '')
      if (answer === null) {
        response.writeHead(404).end()
        return
      }
      response.writeHead(answer.status, answer.headers).end(answer.body)
    })
    server.maxConnections = connectionsMax
    server.on('error', error =>
      this.#options.logger.warn({ host, port, error: error.message }, 'health port not open'),
    )
    server.listen({ host, port })
    return server
  }
}

function end(server: http.Server): void {
  server.close()
  server.closeAllConnections()
}
