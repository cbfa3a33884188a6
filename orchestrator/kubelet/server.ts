// The kubelet's own HTTPS server, which the API servers ask for logs and for streams into pods
// (stream-endpoints.ts). Counterpart: pkg/kubelet/server. Mutual TLS alone; an unfinished handshake is
// dropped early. Left out: the stats of cAdvisor.

import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Files } from '../../platform/files.js'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import type { Pod } from '../api/types/core-pod.js'
import { parseLogRequest } from './log-query.js'
import { resourceMetrics } from './resource-metrics.js'
import type { Runtime } from './runtime.js'
import { mayAskKubelet, type PeerSubject } from './server-authorization.js'
import { findPod, StreamEndpoints } from './stream-endpoints.js'

export interface KubeletServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsFiles
  readonly clock: Clock
  readonly logger: Logger
  readonly runtime: Runtime
  readonly files: Files
  readonly pods: () => readonly Pod[]
  /** Prometheus' text format. */
  readonly metricsText: () => Promise<string>
}

const handshakeMsMax = 5000
const requestMsMax = 15_000
const connectionsMax = 1024
const headerBytesMax = 16 * 1024
const logStreamsMax = 256

export class KubeletServer {
  private readonly options: KubeletServerOptions
  private server: https.Server | null = null
  private readonly streams: StreamEndpoints
  private logStreams = 0

  constructor(options: KubeletServerOptions) {
    this.options = options
    this.streams = new StreamEndpoints({ ...options, hostAddress: options.host })
  }

  /** Resolves with the port bound. */
  async start(): Promise<number> {
    const { host, port, tls, logger } = this.options
    const server = https.createServer(
      {
        cert: await readFile(tls.certFile),
        key: await readFile(tls.keyFile),
        ca: await readFile(tls.caFile),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        handshakeTimeout: handshakeMsMax,
        requestTimeout: requestMsMax,
        headersTimeout: requestMsMax,
        maxHeaderSize: headerBytesMax,
        connectionsCheckingInterval: handshakeMsMax,
      },
      (request, response) => void this.handle(request, response),
    )
    server.maxConnections = connectionsMax
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const subject = subjectOf(request.socket as TLSSocket)
      void this.streams.handle({ request, socket, head }, subject)
    })
    server.on('tlsClientError', error => {
      logger.debug({ reason: error.message }, 'connection refused')
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
    server.on('error', error => logger.error({ error }, 'kubelet server failed'))
    this.server = server
    return (server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const server = this.server
    this.server = null
    if (server === null) return
    await new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
      this.streams.close()
    })
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet')
      const subject = subjectOf(request.socket as TLSSocket)
      if (!mayAskKubelet(subject)) {
        answer(response, 403, `Forbidden: ${subject.commonName} may not ask this kubelet\n`)
      } else if (request.method !== 'GET') {
        answer(response, 405, 'this kubelet only answers GET\n')
      } else {
        await this.route(url, response)
      }
    } catch (error) {
      this.options.logger.error({ error, path: request.url }, 'request failed')
      if (!response.headersSent) answer(response, 500, 'internal error\n')
      else response.destroy()
    }
  }

  private async route(url: URL, response: ServerResponse): Promise<void> {
    const [, first, ...rest] = url.pathname.split('/')
    if (first === 'healthz' && rest.length === 0) return answer(response, 200, 'ok')
    if (first === 'pods' && rest.length === 0) {
      const list = { apiVersion: 'v1', kind: 'PodList', metadata: {}, items: this.options.pods() }
      return answer(response, 200, JSON.stringify(list), 'application/json')
    }
    if (first === 'metrics' && rest[0] === 'resource' && rest.length === 1) {
      const { files, runtime, pods, clock } = this.options
      const text = await resourceMetrics(files, runtime, pods(), clock.wallMs())
      return answer(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8')
    }
    if (first === 'metrics' && rest.length === 0) {
      const text = await this.options.metricsText()
      return answer(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8')
    }
    if (first === 'exec' || first === 'attach' || first === 'portForward') {
      return answer(response, 400, 'Upgrade request required\n')
    }
    if (first === 'containerLogs' && rest.length === 3) {
      const [namespace = '', pod = '', container = ''] = rest.map(decodeURIComponent)
      return this.containerLogs(namespace, pod, container, url.searchParams, response)
    }
    return answer(response, 404, '404 page not found\n')
  }

  private containerLogs(
    namespace: string,
    podName: string,
    name: string,
    params: URLSearchParams,
    response: ServerResponse,
  ): void {
    const { clock, runtime } = this.options
    const request = parseLogRequest(params, clock.wallMs())
    if (typeof request === 'string') return answer(response, 400, `${request}\n`)
    const found = findPod(this.options.pods(), namespace, podName)
    if (found === undefined) {
      return answer(response, 404, `pod "${podName}" does not exist on this node\n`)
    }
    const { containers, initContainers = [] } = found.spec
    if (![...containers, ...initContainers].some(container => container.name === name)) {
      const text = `container "${name}" not found in pod "${podName}"\n`
      return answer(response, 404, text)
    }
    const runs = runtime.containers(found.metadata.uid ?? '').filter(run => run.name === name)
    const run = request.previous
      ? runs.findLast(({ exit }, at) => exit && at < runs.length - 1)
      : runs.at(-1)
    if (run === undefined) {
      const text = request.previous
        ? `previous terminated container "${name}" in pod "${podName}" not found\n`
        : `container "${name}" in pod "${podName}" is waiting to start: ${waitingReason(found, name)}\n`
      return answer(response, 400, text)
    }
    if (this.logStreams >= logStreamsMax) {
      response.setHeader('retry-after', '1')
      return answer(response, 429, `more than ${logStreamsMax} logs are being read on this node\n`)
    }
    this.logStreams += 1
    const gone = new AbortController()
    response.once('close', () => {
      this.logStreams -= 1
      gone.abort()
    })
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
    // A follower of a silent container must see that it is connected.
    response.flushHeaders()
    const text = Readable.from(runtime.readLog(run.id, request.query, gone.signal), {
      objectMode: false,
      highWaterMark: 64 * 1024,
    })
    pipeline(text, response, error => {
      if (error instanceof RaftsmanError) {
        this.options.logger.warn({ reason: error.message, pod: podName }, 'log not read to its end')
      }
    })
  }
}

function waitingReason(pod: Pod, name: string): string {
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ]
  const status = statuses.find(known => known.name === name)
  return status?.state?.waiting?.reason ?? 'ContainerCreating'
}

function subjectOf(socket: TLSSocket): PeerSubject {
  // Typed as if every field were there once; O really is a list when it is there several times.
  const subject = socket.getPeerCertificate().subject as { CN?: unknown; O?: unknown } | undefined
  const texts = (value: unknown): readonly string[] =>
    (Array.isArray(value) ? value : [value]).filter(text => typeof text === 'string')
  return { commonName: texts(subject?.CN)[0] ?? '', organizations: texts(subject?.O) }
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
