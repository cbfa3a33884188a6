// One HTTP/2 session to one apiserver: opened on demand, watched by pings while streams hang on
// it, so that a server that is stopped rather than dead is noticed within seconds.
// Counterpart: the http2 health check of client-go (ReadIdleTimeout, PingTimeout).

import http2 from 'node:http2'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import { TransportError } from './transport.js'

export interface ConnectionTls {
  /** PEM. */
  readonly ca: string
  readonly cert?: string
  readonly key?: string
  /** Name to verify in place of the host of the address. */
  readonly serverName?: string
}

export interface ConnectionOptions {
  /** As in "https://127.0.0.1:16443". */
  readonly server: string
  readonly tls: ConnectionTls
  readonly clock: Clock
  readonly logger: Logger
  readonly connectTimeoutMs: number
  readonly pingIdleMs: number
  readonly pingTimeoutMs: number
}

/** Room for one large list to flow without a round trip per 64 KiB. */
const windowBytes = 4 * 1024 * 1024

/** A turn of the event loop, in which sockets are read. */
const hearMs = 1

export class HttpConnection {
  private readonly options: ConnectionOptions
  private session: http2.ClientHttp2Session | null = null
  private opening: Promise<http2.ClientHttp2Session> | null = null
  private heartbeat: Timer | null = null
  private pingTimer: Timer | null = null
  private lastHeardMs = 0
  private streams = 0

  constructor(options: ConnectionOptions) {
    this.options = options
  }

  /** The open session, or a new one. Rejects with an `api-unreachable` TransportError. */
  acquire(): Promise<http2.ClientHttp2Session> {
    const session = this.session
    if (session && !session.closed && !session.destroyed) return Promise.resolve(session)
    this.opening ??= this.open().finally(() => {
      this.opening = null
    })
    return this.opening
  }

  streamOpened(): void {
    this.streams++
  }

  streamClosed(): void {
    this.streams--
  }

  heard(): void {
    this.lastHeardMs = this.options.clock.monotonicMs()
  }

  /** Asks for a sign of life now; without one the session is broken and all its streams with it. */
  probe(): void {
    const session = this.session
    if (!session || session.destroyed || this.pingTimer) return
    const { clock, pingTimeoutMs } = this.options
    this.pingTimer = clock.setTimer(pingTimeoutMs, () => {
      // Of a process that was held up timers are due before what lies in its sockets has been read: that is heard first.
      this.pingTimer = clock.setTimer(hearMs, () => {
        this.pingTimer = null
        session.destroy(new Error('no answer to a ping'), http2.constants.NGHTTP2_CANCEL)
      })
    })
    session.ping(() => {
      this.pingTimer?.cancel()
      this.pingTimer = null
      this.heard()
    })
  }

  /** Breaks everything under way: as an error, or streams that are cut short would look whole. */
  close(): void {
    this.session?.destroy(new Error('the connection was closed'), http2.constants.NGHTTP2_CANCEL)
    this.session = null
  }

  private open(): Promise<http2.ClientHttp2Session> {
    const { server, tls, clock, connectTimeoutMs } = this.options
    return new Promise((resolve, reject) => {
      let settled = false
      const session = http2.connect(server, {
        ca: tls.ca,
        ...(tls.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls.key === undefined ? {} : { key: tls.key }),
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
        settings: { initialWindowSize: windowBytes, enablePush: false },
      })
      const timer = clock.setTimer(connectTimeoutMs, () => {
        session.destroy(new Error(`no connection within ${connectTimeoutMs} ms`))
      })
      const fail = (cause: unknown) => {
        timer.cancel()
        if (settled) return
        settled = true
        const reason = cause instanceof Error ? cause.message : 'closed'
        const message = `cannot connect to ${server}: ${reason}`
        reject(new TransportError('api-unreachable', message, 'not-applied', cause))
      }
      session.on('error', fail)
      session.on('close', () => {
        fail(null)
        this.closed(session)
      })
      session.on('goaway', () => {
        // Streams under way finish; the next request opens a new session.
        if (this.session === session) this.session = null
      })
      session.once('connect', () => {
        timer.cancel()
        // Given up just before: its end is told of by `close`, which is still to come.
        if (settled || session.destroyed) return
        settled = true
        session.setLocalWindowSize(4 * windowBytes)
        this.opened(session)
        resolve(session)
      })
    })
  }

  private opened(session: http2.ClientHttp2Session): void {
    const { clock, pingIdleMs } = this.options
    this.session = session
    this.heard()
    this.heartbeat?.cancel()
    this.heartbeat = clock.setTicker(pingIdleMs / 2, () => {
      const idleMs = clock.monotonicMs() - this.lastHeardMs
      if (this.streams > 0 && idleMs >= pingIdleMs) this.probe()
    })
  }

  private closed(session: http2.ClientHttp2Session): void {
    if (this.session !== null && this.session !== session) return
    this.session = null
    this.heartbeat?.cancel()
    this.heartbeat = null
    this.pingTimer?.cancel()
    this.pingTimer = null
  }
}
