// One address over all API servers, for kubeconfigs. It balances TCP connections and never looks
// into them, so client certificates reach the API server untouched. A server that does not answer
// /readyz is left out and its connections are cut, so that a paused master holds nobody.

import { createServer, connect, type Server, type Socket } from 'node:net'
import { Agent, get } from 'node:https'
import { readFileSync } from 'node:fs'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'

const connectMsMax = 1_000
const probePeriodMs = 1_000
const probeMsMax = 2_000
const connectionsMax = 10_000
/** One lost probe may be a pause of a busy machine; two in a row are a reason to leave. */
const failuresUntilDown = 2

interface Backend {
  readonly host: string
  readonly port: number
  failures: number
  ready: boolean
  readonly sockets: Set<Socket>
}

function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

export class Balancer {
  readonly #backends: readonly Backend[]
  readonly #logger: Logger
  readonly #agent: Agent
  readonly #server: Server
  #next = 0
  #connections = 0
  #ticker: NodeJS.Timeout | null = null

  constructor(addresses: readonly string[], identity: TlsFiles, logger: Logger) {
    this.#logger = logger
    this.#backends = addresses.map(address => ({
      ...parseAddress(address),
      failures: 0,
      ready: false,
      sockets: new Set<Socket>(),
    }))
    this.#agent = new Agent({
      keepAlive: true,
      ca: readFileSync(identity.caFile),
      cert: readFileSync(identity.certFile),
      key: readFileSync(identity.keyFile),
    })
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client =>
      this.#accept(client),
    )
  }

  listen(address: string): Promise<void> {
    const { host, port } = parseAddress(address)
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        this.#ticker = setInterval(() => this.#probeAll(), probePeriodMs)
        this.#probeAll()
        resolve()
      })
    })
  }

  /** How many API servers answer now. */
  get readyCount(): number {
    return this.#backends.filter(({ ready }) => ready).length
  }

  close(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#server.close()
    this.#agent.destroy()
    for (const backend of this.#backends) this.#cut(backend)
  }

  #probeAll(): void {
    for (const backend of this.#backends) this.#probe(backend)
  }

  #probe(backend: Backend): void {
    let answered = false
    const settle = (ready: boolean): void => {
      if (answered) return
      answered = true
      this.#observe(backend, ready)
    }
    const request = get(
      {
        host: backend.host,
        port: backend.port,
        path: '/readyz',
        agent: this.#agent,
        timeout: probeMsMax,
      },
      response => {
        response.resume()
        settle(response.statusCode === 200)
      },
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => settle(false))
  }

  #observe(backend: Backend, ready: boolean): void {
    const address = `${backend.host}:${backend.port}`
    if (ready) {
      if (!backend.ready) this.#logger.info({ address }, 'API server is ready')
      backend.ready = true
      backend.failures = 0
      return
    }
    backend.failures += 1
    if (!backend.ready || backend.failures < failuresUntilDown) return
    this.#logger.warn({ address }, 'API server does not answer; its connections are cut')
    backend.ready = false
    this.#cut(backend)
  }

  #cut(backend: Backend): void {
    for (const socket of backend.sockets) socket.destroy()
    backend.sockets.clear()
  }

  /** Ready ones first, in turn; the others behind them, for a probe may be a second old. */
  #candidates(): readonly Backend[] {
    this.#next = (this.#next + 1) % this.#backends.length
    const turned = [...this.#backends.slice(this.#next), ...this.#backends.slice(0, this.#next)]
    return [...turned.filter(({ ready }) => ready), ...turned.filter(({ ready }) => !ready)]
  }

  #accept(client: Socket): void {
    if (this.#connections >= connectionsMax) {
      client.destroy()
      return
    }
    this.#connections += 1
    client.once('close', () => {
      this.#connections -= 1
    })
    client.on('error', () => client.destroy())
    this.#tryNext(client, this.#candidates(), 0)
  }

  #tryNext(client: Socket, candidates: readonly Backend[], position: number): void {
    const backend = candidates[position]
    if (backend === undefined || client.destroyed) {
      client.destroy()
      return
    }
    const upstream = connect({
      host: backend.host,
      port: backend.port,
      allowHalfOpen: true,
      noDelay: true,
    })
    const giveUp = (): void => {
      upstream.destroy()
      this.#tryNext(client, candidates, position + 1)
    }
    upstream.setTimeout(connectMsMax, giveUp)
    upstream.once('error', giveUp)
    upstream.once('connect', () => {
      upstream.setTimeout(0)
      upstream.off('error', giveUp)
      upstream.off('timeout', giveUp)
      this.#join(client, upstream, backend)
    })
  }

  #join(client: Socket, upstream: Socket, backend: Backend): void {
    backend.sockets.add(upstream)
    upstream.on('error', () => upstream.destroy())
    upstream.once('close', () => {
      backend.sockets.delete(upstream)
      client.destroy()
    })
    client.once('close', () => upstream.destroy())
    client.pipe(upstream)
    upstream.pipe(client)
  }
}
