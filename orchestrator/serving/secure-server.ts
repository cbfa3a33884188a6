// The port of a component that is asked little: health for everybody, metrics and questions of its own for
// those who may. Counterpart: SecureServingOptions of k8s.io/apiserver as kube-scheduler uses them.

import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import type { Access, PeerSubject } from './access.js'

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly query: URLSearchParams
  /** At most `bodyBytesMax`; empty with GET. */
  readonly body: Uint8Array
}

export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface SecureServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** `caFile` is what client certificates are verified with. */
  readonly tls: TlsFiles
  readonly logger: Logger
  readonly access: Access
  /** Null while all is well; else why not. */
  readonly health: () => string | null
  readonly metricsText: () => Promise<{ readonly text: string; readonly contentType: string }>
  /** By path, beside health and metrics. A handler that throws has answered 500. */
  readonly routes?: ReadonlyMap<string, (question: Question) => Promise<Reply>>
}

export interface SecureServer {
  readonly port: number
  close(): Promise<void>
}

const requestMsMax = 15_000
const handshakeMsMax = 5_000
const connectionsMax = 256
const headerBytesMax = 32 * 1024
const bodyBytesMax = 4 * 1024 * 1024

const healthPaths = new Set(['/healthz', '/livez', '/readyz'])

/** Resolves with the port bound. */
export async function startSecureServer(options: SecureServerOptions): Promise<SecureServer> {
  const { tls, host, port, logger } = options
  const server = https.createServer(
    {
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
      ca: readFileSync(tls.caFile),
      requestCert: true,
      // Health is for everybody, and tokens come without a certificate.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeMsMax,
      requestTimeout: requestMsMax,
      headersTimeout: requestMsMax,
      maxHeaderSize: headerBytesMax,
      connectionsCheckingInterval: handshakeMsMax,
    },
    (request, response) => void serve(options, request, response),
  )
  server.maxConnections = connectionsMax
  server.on('tlsClientError', error => {
    logger.debug({ reason: error.message }, 'connection refused')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
  server.on('error', error => logger.error({ error }, 'server failed'))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  options: SecureServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => {})
  try {
    answer(response, await reply(options, request))
  } catch (error) {
    options.logger.error({ error, path: request.url }, 'request failed')
    if (response.headersSent) response.destroy()
    else answer(response, text(500, 'internal error\n'))
  }
}

async function reply(options: SecureServerOptions, request: IncomingMessage): Promise<Reply> {
  const [path = '', search = ''] = (request.url ?? '/').split('?', 2)
  const { method } = request
  if (method !== 'GET' && method !== 'POST') return text(405, 'only GET and POST are answered\n')
  if (method === 'GET' && healthPaths.has(path)) {
    const reason = options.health()
    return reason === null ? text(200, 'ok') : text(503, `${reason}\n`)
  }
  const refusal = await options.access.decide({
    verb: method.toLowerCase(),
    path,
    peer: peerOf(request.socket as TLSSocket),
    token: tokenOf(request.headers.authorization),
  })
  if (refusal !== null) return text(refusal.status, `${refusal.message}\n`)
  if (method === 'GET' && path === '/metrics') {
    const { text: body, contentType } = await options.metricsText()
    return { status: 200, contentType, body }
  }
  const route = options.routes?.get(path)
  if (route === undefined) return text(404, '404 page not found\n')
  const body = method === 'GET' ? new Uint8Array() : await bodyOf(request)
  if (body === null) return text(413, `a body has at most ${bodyBytesMax} bytes\n`)
  return route({ method, query: new URLSearchParams(search), body })
}

/** Null: too long. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Null without a certificate, and with one that is not of the cluster. */
function peerOf(socket: TLSSocket): PeerSubject | null {
  if (!socket.authorized) return null
  // Typed as if every field were there once; O really is a list when it is there several times.
  const subject = socket.getPeerCertificate().subject as { CN?: unknown; O?: unknown } | undefined
  const texts = (value: unknown): readonly string[] =>
    (Array.isArray(value) ? value : [value]).filter(one => typeof one === 'string')
  return { commonName: texts(subject?.CN)[0] ?? '', organizations: texts(subject?.O) }
}

function tokenOf(header: string | undefined): string | null {
  const match = /^bearer\s+(\S+)$/i.exec(header ?? '')
  return match?.[1] ?? null
}

function text(status: number, body: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

function answer(response: ServerResponse, { status, contentType, body }: Reply): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
