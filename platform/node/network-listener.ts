// The incoming half of the network: one port for WebSocket upgrades, plain HTTP and gRPC. A stranger
// can cost us no more than one capped, short-lived place: connections that have not come as far as a
// request within the handshake time are dropped (compare CVE-2026-73500).

import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { RawData, WebSocket } from 'ws'
import type { Logger } from '../logger.js'
import type { HttpAnswer, LinkHandlers, Listener, ListenOptions } from '../network.js'
import { commonName, frameOf, linkOver } from './network-link.js'
import { takeHttp2 } from './port-sharing.js'
import { rpcServer } from './rpc-server.js'
import { TlsIdentity } from './tls-identity.js'

/** Connections that are not links yet, beyond those that could become one. */
const spareHandshakes = 64
const headerBytesMax = 16 * 1024
const keepAliveMs = 5000

export function listenOn(
  options: ListenOptions,
  handlers: LinkHandlers,
  logger: Logger,
  ready: (error: Error | null, listener?: Listener) => void,
): void {
  let server: Server
  let host: string
  let port: number
  try {
    ;({ host, port } = parseAddress(options.address))
    server = createServer(options, logger)
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    setImmediate(ready, cause)
    return
  }
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: options.frameBytesMax,
    clientTracking: true,
  })
  const rpc = options.rpc === undefined ? null : rpcServer(options.rpc, remoteOf)
  // A crowd of clients that have nothing to say must not keep out one that has.
  const full = () =>
    sockets.clients.size + (rpc?.connections.size ?? 0) >= options.linksMax &&
    rpc?.makeRoom() !== true

  // Before anybody else listens for connections: those of HTTP/2 are taken out of what they hear.
  if (rpc !== null) {
    takeHttp2(server, options.tls !== null, socket => {
      pending.settled(socket)
      if (full()) {
        logger.warn({ remote: remoteOf(socket), linksMax: options.linksMax }, 'connection refused')
        socket.destroy()
      } else rpc.accept(socket)
    })
  }
  const pending = watchHandshakes(server, options, logger)

  server.on('request', (request, response) => {
    pending.settled(request.socket)
    answerHttp(options, request, response, logger)
  })
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => stream.destroy())
    if (pathOf(request) !== options.path) refuseUpgrade(stream, '404 Not Found')
    else if (full()) {
      logger.warn({ remote: remoteOf(request.socket), linksMax: options.linksMax }, 'link refused')
      refuseUpgrade(stream, '503 Service Unavailable')
    } else
      sockets.handleUpgrade(request, stream, head, socket => {
        pending.settled(request.socket)
        adopt(socket, request, handlers)
      })
  })
  server.on('clientError', (_error, stream) => {
    // Bytes that are no HTTP. The stream may be gone already.
    if (stream.writable) stream.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    stream.destroy()
  })

  const onBindError = (error: Error) => ready(error)
  server.once('error', onBindError)
  server.listen({ host, port, backlog: 511 }, () => {
    server.off('error', onBindError)
    server.on('error', error => logger.error({ error }, 'listener failed'))
    const bound = server.address() as AddressInfo
    ready(null, {
      address: formatAddress(host, bound.port),
      get rpcConnections() {
        return rpc?.connections.values() ?? []
      },
      close(done) {
        for (const socket of sockets.clients) socket.terminate()
        rpc?.close()
        pending.close()
        server.close(() => done())
        server.closeAllConnections()
      },
    })
  })
}

function createServer(options: ListenOptions, logger: Logger): Server {
  const limits = {
    maxHeaderSize: headerBytesMax,
    requestTimeout: options.handshakeMsMax,
    headersTimeout: options.handshakeMsMax,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: 1000,
  }
  if (options.tls === null) return createHttpServer(limits)
  const identity = new TlsIdentity(options.tls, logger)
  const server = createHttpsServer({
    ...limits,
    ...identity.material,
    ALPNProtocols: options.rpc === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: options.handshakeMsMax,
  })
  // Before the server itself hears of the connection and begins the handshake.
  server.prependListener('connection', () => {
    if (identity.renew()) server.setSecureContext(identity.material)
  })
  return server
}

/**
 * Counts connections from accept to their first request or upgrade. A TLS connection shows up
 * twice, raw and wrapped; both have the same remote address and port, which is its key here.
 */
function watchHandshakes(server: Server, options: ListenOptions, logger: Logger) {
  const pending = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>()
  const pendingMax = options.linksMax + spareHandshakes

  const forget = (key: string) => {
    const found = pending.get(key)
    if (found === undefined) return
    clearTimeout(found.timer)
    pending.delete(key)
  }
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => socket.destroy())
    // A client takes milliseconds to come to its first request, so of too many the one that has taken
    // longest has to go: refusing the newest would let a crowd of silent ones keep everybody out.
    const oldest = pending.size >= pendingMax ? pending.entries().next().value : undefined
    if (oldest !== undefined) {
      const [key, { socket: slow }] = oldest
      logger.warn({ remote: key, pendingMax }, 'connection dropped for a newer one')
      forget(key)
      slow.destroy()
    }
    const key = remoteOf(socket)
    const timer = setTimeout(() => {
      logger.debug({ remote: key }, 'connection dropped before its first request')
      socket.destroy()
    }, options.handshakeMsMax)
    pending.set(key, { socket, timer })
    socket.once('close', () => forget(key))
  })
  server.on('tlsClientError', (error: Error, socket: Socket) => {
    logger.debug({ error: error.message }, 'tls handshake failed')
    socket.destroy()
  })
  return {
    settled(socket: Socket) {
      forget(remoteOf(socket))
    },
    close() {
      for (const [key, { socket }] of pending) {
        forget(key)
        socket.destroy()
      }
    },
  }
}

function adopt(socket: WebSocket, request: IncomingMessage, handlers: LinkHandlers): void {
  const peerName = commonName(request.socket)
  const state = linkOver(socket, remoteOf(request.socket), () => peerName, handlers)
  socket.on('message', (data: RawData, isBinary) => state.received(frameOf(data), isBinary))
  state.opened()
}

function answerHttp(
  options: ListenOptions,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
): void {
  request.resume()
  const send = (answer: HttpAnswer) => {
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(request.method === 'HEAD' ? undefined : answer.body)
  }
  const plain = (status: number, body: string): HttpAnswer => ({
    status,
    contentType: 'text/plain; charset=utf-8',
    body: `${body}\n`,
  })
  if (options.onHttp === undefined) {
    send(plain(404, 'not found'))
    return
  }
  const fail = (error: unknown) => {
    logger.error({ error, path: request.url }, 'http answer failed')
    send(plain(500, 'internal error'))
  }
  try {
    const exchange = {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      peerName: commonName(request.socket),
    }
    const answer = options.onHttp(exchange)
    if (answer instanceof Promise) answer.then(send).catch(fail)
    else send(answer)
  } catch (error) {
    fail(error)
  }
}

function refuseUpgrade(stream: Duplex, status: string): void {
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  // Whoever keeps a refused connection open would otherwise hold a place for as long as it likes.
  stream.on('finish', () => stream.destroy())
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`
}

/** Splits "host:port" and "[v6]:port". Throws a sentence when it is neither. */
function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || !(port <= 65_535))
    throw new Error(`"${address}" is not an address like 127.0.0.1:2380`)
  return { host, port }
}

function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
