// Connections to the servers that this one calls again and again, which are extension API servers, webhooks and
// what clients reach through us: kept for a while after a call, so that the next one needs no handshake. A pool belongs to one owner
// and to what it trusts; when that changes, the owner has another pool. Counterpart: http.Transport of Go as
// client-go sets it up. Left out: HTTP/2.
//
// A kept connection may have been closed by the other end while a call was on its way. Then nobody knows
// whether the call was heard. It is made again over a new connection only if it may be done twice, or
// if nothing of it was sent.

import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../platform/clock.js'
import { serviceUnavailable } from '../api/status.js'
import type { AbandonSignal } from './exchange.js'
import { RequestAbandon } from './request-abandon.js'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Whom the other end has to be, and who we are to it. */
export interface PeerSettings {
  /** False: plain HTTP, of which nothing below holds. */
  readonly secure: boolean
  /** In its certificate; '': the host. */
  readonly servername: string
  /** PEM; null: the authorities that the system knows. */
  readonly ca: Buffer | null
  /** Null: we show nobody who we are. */
  readonly identity: { readonly cert: Buffer; readonly key: Buffer } | null
  readonly insecure: boolean
}

export interface KeptCall {
  readonly endpoint: Endpoint
  readonly method: string
  /** With query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: Uint8Array | string
  /** Whether it may be done twice. */
  readonly repeatable: boolean
  /** Null: nobody gives up on it. */
  readonly signal: AbandonSignal | null
}

export interface PoolLimits {
  /** Calls of a pool under way. */
  readonly callsMax: number
  /** Connections that a pool keeps to one endpoint. */
  readonly idleMax: number
  readonly idleMs: number
  /** Until a new connection has shaken hands. */
  readonly connectMs: number
  /** Pools; the one that was used longest ago makes room. */
  readonly poolsMax: number
}

const usualLimits: PoolLimits = {
  callsMax: 512,
  idleMax: 32,
  // Shorter than other ends wait, most of them for 90 seconds.
  idleMs: 30_000,
  connectMs: 30_000,
  poolsMax: 128,
}

const endpointsMax = 256
const repeatsMax = 2

/** Methods that change nothing: what they ask for can be asked for again. */
export function isRepeatable(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)
}

export class ConnectionPool {
  readonly #settings: PeerSettings
  readonly #limits: PoolLimits
  readonly #clock: Clock
  readonly #agents = new Map<string, HttpAgent>()
  #underWay = 0
  #closed = false

  constructor(settings: PeerSettings, limits: PoolLimits, clock: Clock) {
    this.#settings = settings
    this.#limits = limits
    this.#clock = clock
  }

  /**
   * Resolves with the answer as soon as its head is there; whoever has it reads it or destroys it. Rejects
   * with ApiError ServiceUnavailable where too many calls are under way, else with what broke.
   */
  call(call: KeptCall): Promise<IncomingMessage> {
    const { callsMax } = this.#limits
    if (this.#underWay >= callsMax) {
      const { host, port } = call.endpoint
      const text = `too many calls of ${host}:${port} are under way (limit ${callsMax})`
      return Promise.reject(serviceUnavailable(text, 1))
    }
    return new Promise((resolve, reject) => this.#attempt(call, repeatsMax, resolve, reject))
  }

  /** Nothing is kept to any other endpoint. */
  keepOnly(endpoints: readonly Endpoint[]): void {
    const wanted = new Set(endpoints.map(endpointText))
    for (const [endpoint, agent] of this.#agents) {
      if (wanted.has(endpoint)) continue
      this.#agents.delete(endpoint)
      retire(agent)
    }
  }

  /** What is idle closes now, and what is not when its call is over. */
  close(): void {
    this.#closed = true
    this.keepOnly([])
  }

  #attempt(
    call: KeptCall,
    repeats: number,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: Error) => void,
  ): void {
    const { endpoint, method, path, headers, body, signal } = call
    const agent = this.#agent(endpoint)
    const request = this.#settings.secure ? requestHttps : requestHttp
    const outgoing = request({ agent, ...endpoint, path, method, headers })
    this.#underWay += 1
    let answered = false
    const sentBefore = this.#watchConnecting(outgoing)
    outgoing.once('close', () => {
      this.#underWay -= 1
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (answered) return
      const unheard = call.repeatable || sentBefore() === outgoing.socket?.bytesWritten
      const stale = outgoing.reusedSocket && wasClosed(error) && signal?.abandoned !== true
      if (stale && unheard && repeats > 0) {
        // The others have most likely been closed too.
        dropIdle(agent)
        this.#attempt(call, repeats - 1, resolve, reject)
      } else reject(error)
    })
    outgoing.on('response', answer => {
      answered = true
      resolve(answer)
    })
    signal?.onAbandon(() => outgoing.destroy())
    outgoing.end(body)
  }

  /** Bounds the time until there is a connection. Answers how much had been sent over it before the call. */
  #watchConnecting(outgoing: ClientRequest): () => number | null {
    let before: number | null = null
    const { connectMs } = this.#limits
    const timer = this.#clock.setTimer(connectMs, () => outgoing.destroy(new Error('i/o timeout')))
    const stop = () => timer.cancel()
    outgoing.once('socket', (socket: Socket) => {
      if (outgoing.reusedSocket) {
        before = socket.bytesWritten
        stop()
      } else socket.once(this.#settings.secure ? 'secureConnect' : 'connect', stop)
    })
    outgoing.once('close', stop)
    return () => before
  }

  #agent(endpoint: Endpoint): HttpAgent {
    const name = endpointText(endpoint)
    const known = this.#agents.get(name)
    if (known !== undefined) return known
    const agent = this.#newAgent()
    const [oldest] = this.#agents
    if (this.#agents.size >= endpointsMax && oldest !== undefined) {
      this.#agents.delete(oldest[0])
      retire(oldest[1])
    }
    if (!this.#closed) this.#agents.set(name, agent)
    return agent
  }

  #newAgent(): HttpAgent {
    const { secure, servername, ca, identity, insecure } = this.#settings
    const { idleMax, idleMs } = this.#limits
    const kept = { keepAlive: !this.#closed, maxFreeSockets: idleMax, timeout: idleMs }
    if (!secure) return new HttpAgent(kept)
    return new HttpsAgent({
      ...kept,
      secureContext: createSecureContext({ ...identity, ...(ca === null ? {} : { ca }) }),
      ...(servername === '' ? {} : { servername }),
      rejectUnauthorized: !insecure,
    })
  }
}

/** The pools of this process, by who owns them. */
export class KeptConnections {
  readonly #limits: PoolLimits
  readonly #clock: Clock
  /** Those used last stand last. */
  readonly #pools = new Map<string, { readonly trust: string; readonly pool: ConnectionPool }>()

  constructor(clock: Clock, limits: Partial<PoolLimits> = {}) {
    this.#clock = clock
    this.#limits = { ...usualLimits, ...limits }
  }

  /** `trust`: tells the settings from any others. An owner whose settings have changed gets a new pool. */
  pool(owner: string, trust: string, settings: () => PeerSettings): ConnectionPool {
    const known = this.#pools.get(owner)
    this.#pools.delete(owner)
    if (known?.trust === trust) {
      this.#pools.set(owner, known)
      return known.pool
    }
    known?.pool.close()
    const [oldest] = this.#pools
    if (this.#pools.size >= this.#limits.poolsMax && oldest !== undefined) this.drop(oldest[0])
    const pool = new ConnectionPool(settings(), this.#limits, this.#clock)
    this.#pools.set(owner, { trust, pool })
    return pool
  }

  /** Nothing is kept to a server that the owner calls no longer. */
  keepOnly(owner: string, endpoints: readonly Endpoint[]): void {
    this.#pools.get(owner)?.pool.keepOnly(endpoints)
  }

  drop(owner: string): void {
    this.#pools.get(owner)?.pool.close()
    this.#pools.delete(owner)
  }

  close(): void {
    for (const owner of this.#pools.keys()) this.drop(owner)
  }
}

export interface WholeAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** One call and its whole answer, within a time and a size. Rejects as `call` does, or says what was exceeded. */
export async function wholeAnswer(
  pool: ConnectionPool,
  call: Omit<KeptCall, 'signal'>,
  clock: Clock,
  { timeoutMs, bytesMax }: { readonly timeoutMs: number; readonly bytesMax: number },
): Promise<WholeAnswer> {
  const late = new RequestAbandon()
  const timer = clock.setTimer(timeoutMs, () => late.fire())
  try {
    const answer = await pool.call({ ...call, signal: late })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new Error('the answer is too long')
      chunks.push(chunk)
    }
    const { statusCode = 0, headers } = answer
    return { status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    throw late.abandoned ? new Error('context deadline exceeded') : error
  } finally {
    timer.cancel()
  }
}

function endpointText({ host, port }: Endpoint): string {
  return `${host}:${port}`
}

/** Keeps none of its connections, those under way included. */
function retire(agent: HttpAgent): void {
  agent.maxFreeSockets = 0
  dropIdle(agent)
}

function dropIdle(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy()
  }
}

const closedCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

function wasClosed({ code = '' }: NodeJS.ErrnoException): boolean {
  return closedCodes.has(code)
}
