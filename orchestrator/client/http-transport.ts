// The production ApiTransport: HTTP/2 over (mutual) TLS to one of several apiservers. It stays
// with a server while that one answers and moves to the next when it does not, so a dead master
// costs one failed connect. Counterpart: client-go's rest transport, which knows one address.
// Left out: HTTP/1.1 and proxies; exec and port-forward streams are not for this transport.

import http2 from 'node:http2'
import type { Clock } from '../../platform/clock.js'
import { must, RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import { type ConnectionTls, HttpConnection } from './http-connection.js'
import {
  type ApiRequest,
  type ApiResponse,
  type ApiStream,
  type ApiTransport,
  type StreamHandlers,
  TransportError,
} from './transport.js'

export interface HttpTransportOptions {
  /** At least one, the preferred first, as in "https://127.0.0.1:16443". */
  readonly servers: readonly string[]
  readonly tls: ConnectionTls
  /** Asked for with each request, since tokens are renewed. */
  readonly bearerToken?: () => string
  readonly userAgent: string
  readonly clock: Clock
  readonly logger: Logger
  readonly connectTimeoutMs?: number
  /** Silence on a session with open streams after which it is pinged. */
  readonly pingIdleMs?: number
  readonly pingTimeoutMs?: number
  readonly responseBytesMax?: number
  /** How long a server may answer nothing but 503 before another is tried. */
  readonly sickMsMax?: number
}

interface Exchange {
  readonly stream: http2.ClientHttp2Stream
  readonly connection: HttpConnection
}

export class HttpTransport implements ApiTransport {
  private readonly options: HttpTransportOptions
  private readonly connections: readonly HttpConnection[]
  private readonly responseBytesMax: number
  private readonly sickMsMax: number
  private readonly sickSinceMs = new Map<HttpConnection, number>()
  private current = 0
  private closed = false

  constructor(options: HttpTransportOptions) {
    if (options.servers.length === 0) throw new Error('at least one apiserver address is needed')
    this.options = options
    this.responseBytesMax = options.responseBytesMax ?? 256 * 1024 * 1024
    this.sickMsMax = options.sickMsMax ?? 2000
    this.connections = options.servers.map(
      server =>
        new HttpConnection({
          server,
          tls: options.tls,
          clock: options.clock,
          logger: options.logger,
          connectTimeoutMs: options.connectTimeoutMs ?? 3000,
          pingIdleMs: options.pingIdleMs ?? 10_000,
          pingTimeoutMs: options.pingTimeoutMs ?? 3000,
        }),
    )
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    const deadlineMs = this.options.clock.monotonicMs() + request.timeoutMs
    try {
      return await this.attempt(request, deadlineMs, signal)
    } catch (error) {
      // A read changes nothing, and a write that was refused was not applied: one more try each.
      const again =
        error instanceof TransportError &&
        error.code === 'api-connection-lost' &&
        (request.method === 'GET' || error.outcome === 'not-applied')
      if (!again) throw error
      return await this.attempt(request, deadlineMs, signal)
    }
  }

  stream(request: ApiRequest, handlers: StreamHandlers): ApiStream {
    const controller = new AbortController()
    this.openStream(request, handlers, controller.signal).catch((error: unknown) => {
      if (!controller.signal.aborted) handlers.onEnd(asTransportError(error))
    })
    return { cancel: () => controller.abort() }
  }

  close(): void {
    this.closed = true
    for (const connection of this.connections) connection.close()
  }

  private async attempt(
    request: ApiRequest,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<ApiResponse> {
    const exchange = await this.open(request, signal)
    const remainingMs = Math.max(1, deadlineMs - this.options.clock.monotonicMs())
    return await this.collect(exchange, request, remainingMs, signal)
  }

  /** Connects to the current server, or to the next that can be reached, and sends the request. */
  private async open(request: ApiRequest, signal?: AbortSignal): Promise<Exchange> {
    let failure: unknown = null
    for (let tries = 0; tries < this.connections.length; tries++) {
      if (this.closed || signal?.aborted) throw cancelled()
      const index = this.current
      const connection = must(this.connections[index], 'an apiserver address')
      try {
        const session = await connection.acquire()
        if (this.closed || signal?.aborted) throw cancelled()
        return { stream: this.send(session, request), connection }
      } catch (error) {
        if (error instanceof TransportError && error.code === 'api-cancelled') throw error
        failure = error
        this.moveFrom(index)
      }
    }
    throw asTransportError(failure)
  }

  private send(session: http2.ClientHttp2Session, request: ApiRequest): http2.ClientHttp2Stream {
    const headers: http2.OutgoingHttpHeaders = {
      ':method': request.method,
      ':path': request.path,
      accept: request.accept,
      'user-agent': this.options.userAgent,
    }
    const token = this.options.bearerToken?.()
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (request.body === null) return session.request(headers, { endStream: true })
    const body = Buffer.from(request.body)
    headers['content-type'] = request.contentType ?? 'application/json'
    headers['content-length'] = body.byteLength
    // Said aloud: for DELETE the default is a request without a body.
    const stream = session.request(headers, { endStream: false })
    stream.end(body)
    return stream
  }

  /** The next request goes to the next server, unless another caller moved on already. */
  private moveFrom(index: number): void {
    if (this.current === index) this.current = (index + 1) % this.connections.length
  }

  /**
   * A server that only answers "unavailable" has lost its store: its watches are as dead as its
   * writes, so after a while both are taken to the next server.
   */
  private judge(connection: HttpConnection, status: number): void {
    if (status !== 503) {
      this.sickSinceMs.delete(connection)
      return
    }
    const nowMs = this.options.clock.monotonicMs()
    const sinceMs = this.sickSinceMs.get(connection) ?? nowMs
    this.sickSinceMs.set(connection, sinceMs)
    if (this.connections.length === 1 || nowMs - sinceMs < this.sickMsMax) return
    this.sickSinceMs.delete(connection)
    this.moveFrom(this.connections.indexOf(connection))
    connection.close()
  }

  private lost(exchange: Exchange): void {
    this.moveFrom(this.connections.indexOf(exchange.connection))
  }

  private collect(
    exchange: Exchange,
    request: ApiRequest,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ApiResponse> {
    const { stream, connection } = exchange
    const settle = (response: ApiResponse) => {
      this.judge(connection, response.status)
      return response
    }
    return new Promise((resolve, reject) => {
      let head: ApiResponse | null = null
      let failure: TransportError | null = null
      let ended = false
      let bytes = 0
      const chunks: Buffer[] = []
      const abandon = (error: TransportError) => {
        failure ??= error
        stream.close(http2.constants.NGHTTP2_CANCEL)
      }
      const onAbort = () => abandon(cancelled())
      const timer = this.options.clock.setTimer(timeoutMs, () => {
        connection.probe()
        const message = `${request.method} ${request.path}: no answer within ${timeoutMs} ms`
        abandon(new TransportError('api-timeout', message, 'unknown'))
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      connection.streamOpened()
      stream.on('response', headers => {
        connection.heard()
        head = { status: headers[':status'] ?? 0, headers: plainHeaders(headers), body: '' }
      })
      stream.on('data', (chunk: Buffer) => {
        connection.heard()
        bytes += chunk.byteLength
        if (bytes <= this.responseBytesMax) chunks.push(chunk)
        else abandon(tooLarge(request, this.responseBytesMax))
      })
      stream.on('end', () => {
        ended = true
      })
      stream.on('error', error => {
        failure ??= connectionLost(request, error, stream.rstCode)
      })
      stream.on('close', () => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        connection.streamClosed()
        if (!failure && head && ended && isWhole(stream)) {
          resolve(settle({ ...head, body: Buffer.concat(chunks).toString('utf8') }))
          return
        }
        const error = failure ?? connectionLost(request, null, stream.rstCode)
        if (error.code === 'api-connection-lost') this.lost(exchange)
        reject(error)
      })
    })
  }

  private async openStream(
    request: ApiRequest,
    handlers: StreamHandlers,
    signal: AbortSignal,
  ): Promise<void> {
    const exchange = await this.open(request, signal)
    const { stream, connection } = exchange
    let failure: TransportError | null = null
    let refusal: ApiResponse | null = null
    let refusalBody = ''
    let ended = false
    const onAbort = () => stream.close(http2.constants.NGHTTP2_CANCEL)
    const timer = this.options.clock.setTimer(request.timeoutMs, () => {
      connection.probe()
      const message = `${request.path}: no head within ${request.timeoutMs} ms`
      failure ??= new TransportError('api-timeout', message, 'not-applied')
      stream.close(http2.constants.NGHTTP2_CANCEL)
    })
    signal.addEventListener('abort', onAbort, { once: true })
    connection.streamOpened()
    stream.setEncoding('utf8')
    stream.on('response', headers => {
      timer.cancel()
      connection.heard()
      const status = headers[':status'] ?? 0
      if (status !== 200) refusal = { status, headers: plainHeaders(headers), body: '' }
    })
    stream.on('data', (chunk: string) => {
      connection.heard()
      if (signal.aborted) return
      if (!refusal) handlers.onChunk(chunk)
      else if (refusalBody.length < 1024 * 1024) refusalBody += chunk
    })
    stream.on('end', () => {
      ended = true
    })
    stream.on('error', error => {
      failure ??= connectionLost(request, error, stream.rstCode)
    })
    stream.on('close', () => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      connection.streamClosed()
      if (signal.aborted) return
      if (!failure && refusal && ended && isWhole(stream)) {
        handlers.onRefused({ ...refusal, body: refusalBody })
        return
      }
      const whole = ended && isWhole(stream)
      const error = failure ?? (whole ? null : connectionLost(request, null, stream.rstCode))
      if (error?.code === 'api-connection-lost') this.lost(exchange)
      handlers.onEnd(error)
    })
  }
}

/** A stream of a session that breaks also "ends"; only its code tells that it was cut short. */
function isWhole(stream: http2.ClientHttp2Stream): boolean {
  return stream.rstCode === http2.constants.NGHTTP2_NO_ERROR
}

function plainHeaders(headers: http2.IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && !name.startsWith(':')) plain[name] = value
  }
  return plain
}

function cancelled(): TransportError {
  return new TransportError('api-cancelled', 'the request was cancelled', 'unknown')
}

function tooLarge(request: ApiRequest, bytesMax: number): TransportError {
  const message = `${request.path}: the response is larger than ${bytesMax} bytes`
  return new TransportError('api-response-too-large', message, 'unknown')
}

function connectionLost(
  request: ApiRequest,
  cause: Error | null,
  resetCode: number | undefined,
): TransportError {
  const refused = resetCode === http2.constants.NGHTTP2_REFUSED_STREAM
  const reason = cause?.message ?? 'the stream broke off'
  const message = `${request.method} ${request.path}: ${reason}`
  const outcome = refused ? 'not-applied' : 'unknown'
  return new TransportError('api-connection-lost', message, outcome, cause)
}

function asTransportError(error: unknown): RaftsmanError {
  if (error instanceof RaftsmanError) return error
  const message = error instanceof Error ? error.message : 'the request could not be sent'
  return new TransportError('api-unreachable', message, 'not-applied', error)
}
