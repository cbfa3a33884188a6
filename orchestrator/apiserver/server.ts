// The HTTP shell: HTTP/2 and HTTP/1.1 over TLS on one port. It turns sockets into request values
// and answers into bytes, and bounds what a stranger can cost: pending handshakes, connections,
// headers, body size, time to send a body. Counterpart: apiserver/pkg/server/secure_serving.go.

import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer, Http2ServerRequest, ServerHttp2Session } from 'node:http2'
import { ServerResponse, STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { PeerCertificate as TlsCertificate, TLSSocket } from 'node:tls'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import { badRequest, requestEntityTooLarge, timeout } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import type { ApiResponse, PeerCertificate, RequestHead } from './exchange.js'
import type { Pipeline } from './pipeline.js'
import { RequestAbandon } from './request-abandon.js'
import { send } from './sending.js'
import type { Outgoing } from './sending.js'

export interface ServerLimits {
  readonly bodyBytesMax: number
  readonly bodyMs: number
  readonly headerBytesMax: number
  readonly handshakeMs: number
  readonly handshakesPendingMax: number
  readonly connectionsMax: number
  readonly streamsPerConnectionMax: number
  readonly idleMs: number
}

export const defaultServerLimits: ServerLimits = {
  bodyBytesMax: 3 * 1024 * 1024,
  bodyMs: 60_000,
  headerBytesMax: 64 * 1024,
  handshakeMs: 5_000,
  handshakesPendingMax: 256,
  connectionsMax: 10_000,
  streamsPerConnectionMax: 1_000,
  idleMs: 180_000,
}

export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsFiles
  readonly pipeline: Pipeline
  readonly limits: ServerLimits
  readonly clock: Clock
  readonly logger: Logger
}

export interface HttpServer {
  readonly port: number
  /** Lets requests under way finish for a moment, then ends every connection. */
  close(): Promise<void>
}

type Incoming = IncomingMessage | Http2ServerRequest
type Peer = PeerCertificate | 'invalid' | null

const closeGraceMs = 1_000
const sessionMemoryMiB = 64

/** Rejects with the bind error, or that of reading the certificates. */
export async function startServer(options: ServerOptions): Promise<HttpServer> {
  const { host, port, tls, limits, logger } = options
  const server = createSecureServer({
    allowHTTP1: true,
    cert: readFileSync(tls.certFile),
    key: readFileSync(tls.keyFile),
    ca: readFileSync(tls.caFile),
    // Whether a certificate is good is looked at per request: a bad one is answered 401.
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    handshakeTimeout: limits.handshakeMs,
    maxSessionMemory: sessionMemoryMiB,
    settings: {
      maxConcurrentStreams: limits.streamsPerConnectionMax,
      maxHeaderListSize: limits.headerBytesMax,
    },
  })
  const connections = new ConnectionWatch(server, options)
  const broken = (error: unknown) => {
    // Only a broken invariant gets here: it must end the process, not just this request.
    logger.error({ error: String(error) }, 'request handling broke an invariant')
    queueMicrotask(() => {
      throw error
    })
  }
  const peers = new WeakMap<object, Peer>()
  server.on('request', (incoming: Incoming, outgoing: Outgoing) => {
    // Its connection has broken in the same moment: nobody knows whose it was, and nobody waits for an answer.
    if ('stream' in incoming && incoming.stream.session === undefined) return
    connections.track(outgoing)
    serve(options, peers, incoming, outgoing, null).catch(broken)
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: TLSSocket, head: Buffer) => {
    const outgoing = new ServerResponse(incoming)
    outgoing.shouldKeepAlive = false
    outgoing.assignSocket(socket)
    outgoing.once('finish', () => socket.destroySoon())
    connections.track(outgoing)
    serve(options, peers, incoming, outgoing, { socket, head }).catch(broken)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', error => logger.error({ error: error.message }, 'listener failed'))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => connections.close(),
  }
}

/** What somebody who forgot the s of https is told, below TLS. */
const plainHttpAnswer =
  'HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n' +
  'Client sent an HTTP request to an HTTPS server.\n'

/** Counts what has not spoken TLS yet, and knows what to end on the way out. */
class ConnectionWatch {
  readonly #server: Http2SecureServer
  readonly #clock: Clock
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #pending = new Map<string, Socket>()
  #active = 0
  #onIdle: () => void = () => {}

  constructor(server: Http2SecureServer, options: ServerOptions) {
    const { limits, logger } = options
    this.#server = server
    this.#clock = options.clock
    server.on('connection', (socket: Socket) => {
      const full =
        this.#sockets.size >= limits.connectionsMax ||
        this.#pending.size >= limits.handshakesPendingMax
      if (full) {
        logger.warn({ remote: socket.remoteAddress }, 'connection refused: too many')
        socket.destroy()
        return
      }
      const name = nameOf(socket)
      this.#sockets.add(socket)
      this.#pending.set(name, socket)
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#pending.delete(name)
      })
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#pending.delete(nameOf(socket))
      socket.on('error', () => socket.destroy())
    })
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      logger.debug({ error: error.message }, 'handshake failed')
      const below = this.#pending.get(nameOf(socket))
      if (error.code !== 'ERR_SSL_HTTP_REQUEST' || below === undefined) socket.destroy()
      else below.end(plainHttpAnswer, () => socket.destroy())
    })
    server.on('clientError', (_: Error, socket: Socket) => socket.destroy())
    server.on('sessionError', (error: Error) => {
      logger.debug({ error: error.message }, 'HTTP/2 session failed')
    })
    server.on('session', (session: ServerHttp2Session) => this.#watchSession(session, limits))
  }

  #watchSession(session: ServerHttp2Session, limits: ServerLimits): void {
    this.#sessions.add(session)
    let streams = 0
    session.on('stream', stream => {
      streams++
      stream.on('close', () => streams--)
      stream.on('error', () => stream.destroy())
    })
    session.setTimeout(limits.idleMs, () => {
      if (streams === 0) session.close()
    })
    session.on('error', () => session.destroy())
    session.on('close', () => this.#sessions.delete(session))
  }

  /** Counts a request as under way until its answer is out. */
  track(outgoing: Outgoing): void {
    this.#active++
    outgoing.once('close', () => {
      this.#active--
      if (this.#active === 0) this.#onIdle()
    })
  }

  close(): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#clock.setTimer(closeGraceMs, () => this.#destroyAll())
      this.#server.close(() => {
        timer.cancel()
        resolve()
      })
      this.#onIdle = () => this.#destroyAll()
      for (const session of this.#sessions) session.close()
      if (this.#active === 0) this.#destroyAll()
    })
  }

  #destroyAll(): void {
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''}|${socket.remotePort ?? 0}`
}

/** A request that wants another protocol on its connection. It has no body. */
interface Upgrade {
  readonly socket: TLSSocket
  readonly head: Uint8Array
}

async function serve(
  options: ServerOptions,
  peers: WeakMap<object, Peer>,
  incoming: Incoming,
  outgoing: Outgoing,
  upgrade: Upgrade | null,
): Promise<void> {
  const abandon = new RequestAbandon()
  outgoing.on('error', () => abandon.fire())
  incoming.on('error', () => abandon.fire())
  outgoing.on('close', () => abandon.fire())
  const head = headOf(incoming, peers)
  const acceptance = options.pipeline.accept(head)
  if (acceptance.kind === 'refused') {
    // The body is not wanted: what arrives of it is thrown away.
    incoming.resume()
    send(options, head, acceptance.response, outgoing, abandon, true)
    return
  }
  const { headers } = acceptance
  if (acceptance.wait !== null) {
    // What waits has its body wait with the client: memory is bounded however many there are.
    const refusal = await acceptance.wait(abandon)
    if (refusal !== null) {
      incoming.resume()
      send(options, head, refusal, outgoing, abandon, true, headers)
      return
    }
    if (abandon.abandoned) {
      acceptance.drop(badRequest('the request was cut off'))
      return
    }
  }
  const body = upgrade === null ? await readBody(incoming, options) : noBody
  if (body.kind === 'failed') {
    incoming.resume()
    send(options, head, acceptance.drop(body.error), outgoing, abandon, true, headers)
    return
  }
  const response = await acceptance.run(body.bytes, abandon)
  if (response.body.kind === 'tunnel' && upgrade !== null) {
    openTunnel(response, response.body.open, upgrade)
    return
  }
  send(options, head, response, outgoing, abandon, false, headers)
}

function headOf(incoming: Incoming, peers: WeakMap<object, Peer>): RequestHead {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value === undefined || name.startsWith(':')) continue
    headers.set(name, typeof value === 'string' ? value : value.join(', '))
  }
  const session = 'stream' in incoming ? incoming.stream.session : undefined
  const socket = (session?.socket ?? incoming.socket) as TLSSocket
  const identity: object = session ?? socket
  let peer = peers.get(identity)
  if (peer === undefined) {
    peer = peerOf(socket)
    peers.set(identity, peer)
  }
  return {
    method: incoming.method ?? 'GET',
    url: incoming.url ?? '/',
    headers,
    peer,
    remote: `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`,
  }
}

function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerCertificate() as TlsCertificate | Record<string, never> | null
  if (certificate === null || certificate.subject === undefined) return null
  if (!socket.authorized) return 'invalid'
  const subject = certificate.subject as unknown as Record<string, string | string[] | undefined>
  const values = (value: string | string[] | undefined): string[] =>
    value === undefined ? [] : Array.isArray(value) ? value : [value]
  // More than one common name would make it a matter of taste who it is.
  const names = values(subject['CN'])
  return {
    commonName: names.length === 1 ? (names[0] ?? '') : '',
    organizations: values(subject['O']),
  }
}

type Body =
  | { readonly kind: 'read'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly error: ApiError }

const noBody: Body = { kind: 'read', bytes: new Uint8Array() }

function openTunnel(
  { status, headers }: ApiResponse,
  open: (client: TLSSocket, head: Uint8Array) => void,
  { socket, head }: Upgrade,
): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  for (const [name, value] of Object.entries(headers)) {
    for (const one of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${one}`)
  }
  if (!socket.destroyed) socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  open(socket, head)
}

function readBody(incoming: Incoming, options: ServerOptions): Promise<Body> {
  const { bodyBytesMax, bodyMs } = options.limits
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    const done = (body: Body) => {
      timer.cancel()
      incoming.off('data', onData)
      // Every request closes in the end: an error made then is made for nobody.
      incoming.off('aborted', cut)
      incoming.off('close', cut)
      resolve(body)
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bodyBytesMax) {
        done({ kind: 'failed', error: requestEntityTooLarge(bodyBytesMax) })
      } else chunks.push(chunk)
    }
    const timer = options.clock.setTimer(bodyMs, () =>
      done({ kind: 'failed', error: timeout('the body of the request did not arrive in time') }),
    )
    incoming.on('data', onData)
    incoming.once('end', () => done({ kind: 'read', bytes: Buffer.concat(chunks) }))
    const cut = () => done({ kind: 'failed', error: badRequest('the request was cut off') })
    incoming.once('aborted', cut)
    incoming.once('close', cut)
  })
}
