// The ApiTransport over simulated streams, with the manners of orchestrator/client/http-transport.ts: it stays
// with a server while that one answers, asks silent ones whether they live, and moves on when they do not.

import type {
  ApiRequest,
  ApiResponse,
  ApiStream,
  ApiTransport,
  StreamHandlers,
} from '../../../orchestrator/client/transport.js'
import { TransportError } from '../../../orchestrator/client/transport.js'
import type { PeerCertificate } from '../../../orchestrator/apiserver/exchange.js'
import type { Clock, Timer } from '../../../platform/clock.js'
import { must } from '../../../platform/errors.js'
import type { Link, Network } from '../../../platform/network.js'
import { decodeFrame, encodeFrame } from './api-frame.js'
import type { FromServer } from './api-frame.js'
import { apiFrameBytesMax, apiPath } from './api-server-port.js'

export interface SimApiTransportOptions {
  /** Addresses, the preferred first. */
  readonly servers: readonly string[]
  readonly network: Network
  readonly clock: Clock
  readonly peer: PeerCertificate
  readonly userAgent: string
  /** Somebody wants something done; it may have to wait before it leaves. */
  readonly onWish?: (request: ApiRequest) => void
  /** A request leaves. */
  readonly onAsk?: (request: ApiRequest) => void
}

type Answer = Extract<FromServer, { kind: 'answer' }>

interface Call {
  readonly onAnswer: (answer: Answer, text: string) => void
  readonly onLost: (error: TransportError) => void
}

const connectMsMax = 3_000
const idleMs = 10_000
const pongMsMax = 3_000
const lookMs = 1_000
/** How long a server may answer nothing but 503. */
const sickMsMax = 2_000

/** One stream to one server. */
class Session {
  readonly link: Link
  readonly calls = new Map<number, Call>()
  /** What waits for the stream to be open. */
  readonly waiting: (() => void)[] = []
  open = false
  closed = false
  heardMs: number
  pingedMs: number | null = null

  constructor(link: Link, nowMs: number) {
    this.link = link
    this.heardMs = nowMs
  }
}

export class SimApiTransport implements ApiTransport {
  readonly #options: SimApiTransportOptions
  readonly #looks: Timer
  #session: Session | null = null
  #current = 0
  #nextId = 1
  #sickSinceMs: number | null = null
  #closed = false

  constructor(options: SimApiTransportOptions) {
    this.#options = options
    this.#looks = options.clock.setTicker(lookMs, () => this.#look())
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    this.#options.onWish?.(request)
    try {
      return await this.#attempt(request, signal)
    } catch (error) {
      const again =
        error instanceof TransportError &&
        error.code === 'api-connection-lost' &&
        (request.method === 'GET' || error.outcome === 'not-applied')
      if (!again) throw error
      return await this.#attempt(request, signal)
    }
  }

  #attempt(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      if (this.#closed || signal?.aborted === true) {
        reject(cancelled('not-applied'))
        return
      }
      let status = 0
      let headers: Readonly<Record<string, string>> = {}
      let body = ''
      const over = () => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: TransportError) => {
        over()
        reject(error)
      }
      const onAbort = () => {
        cancel()
        fail(cancelled('unknown'))
      }
      const timer = this.#options.clock.setTimer(request.timeoutMs, () => {
        cancel()
        this.#probe()
        fail(noAnswer(request, 'unknown'))
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      const cancel = this.#ask(request, {
        onAnswer: (answer, text) => {
          status = answer.status ?? status
          headers = answer.headers ?? headers
          body += text
          if (answer.end === 'broken') fail(lost(request, 'unknown', 'the answer broke off'))
          if (answer.end !== 'whole') return
          over()
          this.#judge(status)
          resolve({ status, headers, body })
        },
        onLost: fail,
      })
    })
  }

  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream {
    let refused: Omit<ApiResponse, 'body'> | null = null
    let refusal = ''
    const timer = this.#options.clock.setTimer(request.timeoutMs, () => {
      cancel()
      this.#probe()
      handlers.onEnd(noAnswer(request, 'not-applied'))
    })
    const cancel = this.#ask(request, {
      onAnswer: ({ status, headers = {}, end }, text) => {
        if (status !== undefined) timer.cancel()
        if (status !== undefined && status !== 200) refused = { status, headers }
        if (refused !== null) refusal += text
        else if (text !== '') handlers.onChunk(text)
        if (end === undefined) return
        if (end === 'whole' && refused !== null) handlers.onRefused({ ...refused, body: refusal })
        else handlers.onEnd(end === 'whole' ? null : lost(request, 'unknown', 'it broke off'))
      },
      onLost: error => {
        timer.cancel()
        handlers.onEnd(error)
      },
    })
    return {
      cancel: () => {
        timer.cancel()
        cancel()
      },
    }
  }

  close(): void {
    this.#closed = true
    this.#looks.cancel()
    this.#drop(this.#session, cancelled('unknown'))
  }

  /** Answers what gives it up. */
  #ask(request: ApiRequest, call: Call): () => void {
    const { method, path, accept, contentType, body } = request
    const session = this.#session ?? this.#connect()
    const id = this.#nextId++
    let sent = false
    session.calls.set(id, {
      onAnswer: call.onAnswer,
      // What never left was not done.
      onLost: error =>
        call.onLost(sent ? error : lost(request, 'not-applied', 'no server could be reached')),
    })
    const send = () => {
      if (!session.calls.has(id)) return
      sent = true
      this.#options.onAsk?.(request)
      const head = { kind: 'ask', id, method, path, accept, contentType } as const
      session.link.send(encodeFrame(head, body ?? ''))
    }
    if (session.open) send()
    else session.waiting.push(send)
    return () => {
      if (!session.calls.delete(id) || !session.open) return
      session.link.send(encodeFrame({ kind: 'cancel', id }, ''))
    }
  }

  #connect(): Session {
    const { network, servers, clock, peer, userAgent } = this.#options
    const address = must(servers[this.#current], 'the address of an API server')
    const link = network.connect(
      {
        address,
        tls: null,
        path: apiPath,
        frameBytesMax: apiFrameBytesMax,
        handshakeMsMax: connectMsMax,
      },
      {
        onOpen: () => {
          session.open = true
          session.heardMs = clock.monotonicMs()
          link.send(encodeFrame({ kind: 'hello', peer, userAgent }, ''))
          for (const send of session.waiting.splice(0)) send()
        },
        onFrame: (_, bytes) => this.#heard(session, bytes),
        onClose: () => {
          const { path, method } = { path: address, method: 'stream to' }
          this.#drop(session, lostAs('unknown', `${method} ${path}: closed`))
        },
      },
    )
    const session = new Session(link, clock.monotonicMs())
    this.#session = session
    return session
  }

  #heard(session: Session, bytes: Uint8Array): void {
    session.heardMs = this.#options.clock.monotonicMs()
    session.pingedMs = null
    const { head, text } = decodeFrame<FromServer>(bytes)
    if (head.kind === 'pong') return
    const call = session.calls.get(head.id)
    if (head.end !== undefined) session.calls.delete(head.id)
    call?.onAnswer(head, text)
  }

  /** The next request goes to the next server. */
  #drop(session: Session | null, error: TransportError): void {
    if (session === null || session.closed) return
    session.closed = true
    if (this.#session === session) {
      this.#session = null
      this.#current = (this.#current + 1) % this.#options.servers.length
    }
    session.link.close('no longer wanted')
    const calls = [...session.calls.values()]
    session.calls.clear()
    for (const { onLost } of calls) onLost(error)
  }

  #probe(): void {
    const session = this.#session
    if (session === null || !session.open || session.pingedMs !== null) return
    session.pingedMs = this.#options.clock.monotonicMs()
    session.link.send(encodeFrame({ kind: 'ping' }, ''))
  }

  #look(): void {
    const session = this.#session
    if (session === null || !session.open) return
    const nowMs = this.#options.clock.monotonicMs()
    if (session.pingedMs !== null && nowMs - session.pingedMs >= pongMsMax) {
      this.#drop(session, lostAs('unknown', 'the server has fallen silent'))
    } else if (session.calls.size > 0 && nowMs - session.heardMs >= idleMs) this.#probe()
  }

  #judge(status: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (status !== 503) this.#sickSinceMs = null
    else this.#sickSinceMs ??= nowMs
    if (this.#sickSinceMs === null || nowMs - this.#sickSinceMs < sickMsMax) return
    this.#sickSinceMs = null
    this.#drop(this.#session, lostAs('unknown', 'the server answers nothing but 503'))
  }
}

const lostAs = (outcome: 'not-applied' | 'unknown', message: string): TransportError =>
  new TransportError('api-connection-lost', message, outcome)

const lost = (
  { method, path }: ApiRequest,
  outcome: 'not-applied' | 'unknown',
  why: string,
): TransportError => lostAs(outcome, `${method} ${path}: ${why}`)

const cancelled = (outcome: 'not-applied' | 'unknown'): TransportError =>
  new TransportError('api-cancelled', 'the request was cancelled', outcome)

const noAnswer = (
  { method, path, timeoutMs }: ApiRequest,
  outcome: 'not-applied' | 'unknown',
): TransportError =>
  new TransportError('api-timeout', `${method} ${path}: no answer in ${timeoutMs} ms`, outcome)
