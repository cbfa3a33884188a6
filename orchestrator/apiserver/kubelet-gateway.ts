// The way to kubelets: mutual TLS, the address and port that the Node states, bodies streamed
// through at the client's pace. Redirects are never followed (compare CVE-2020-8561): whatever is
// no plain success becomes an error of ours. Counterpart: pkg/kubelet/client.

import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../platform/clock.js'
import type { TlsFiles } from '../../platform/network.js'
import type { KubeObject } from '../api/object.js'
import type { StatusReason } from '../api/status.js'
import { ApiError, badRequest, internalError, notFound, serviceUnavailable } from '../api/status.js'
import { isJsonObject } from '../api/record.js'
import type { AbandonSignal, ApiResponse, BodySink } from './exchange.js'
import { fieldAt, listAt } from './object-fields.js'
import type { Call } from './resource-endpoints.js'
import { fetchText } from './fetch-text.js'
import { openTunnel } from './tunnel.js'
import type { TunnelTarget } from './tunnel.js'

const connectMs = 10_000
const errorBytesMax = 4_096
const logsMax = 256

/** The way to a node's kubelet. */
export interface KubeletGateway {
  /** Streams the log of a container. `query` is the client's, already reduced to known options. */
  logs(
    node: KubeObject,
    pod: { readonly namespace: string; readonly name: string; readonly container: string },
    query: URLSearchParams,
    call: Call,
  ): Promise<ApiResponse>
  /** The text at `path`. Rejects with an Error that says why there is none. */
  text(node: KubeObject, path: string, timeoutMs: number): Promise<string>
  /** Where the kubelet listens, with what it wants to be shown. Throws ApiError. */
  place(node: KubeObject): Omit<TunnelTarget, 'path'>
  /** Joins the client's connection to what the kubelet turns `path` into. */
  stream(node: KubeObject, path: string, call: Call): Promise<ApiResponse>
}

export interface KubeletAddress {
  readonly host: string
  readonly port: number
}

/** Where a Node says its kubelet listens: the internal address before the host name. Null: nowhere. */
export function kubeletAddress(node: KubeObject): KubeletAddress | null {
  const port = fieldAt(node, 'status.daemonEndpoints.kubeletEndpoint.Port')
  if (typeof port !== 'number' || port < 1 || port > 65_535) return null
  const addresses = listAt(node, 'status.addresses').filter(isJsonObject)
  for (const type of ['InternalIP', 'Hostname', 'ExternalIP']) {
    const found = addresses.find(address => address['type'] === type)?.['address']
    if (typeof found === 'string' && found !== '') return { host: found, port }
  }
  return null
}

/** Throws where the certificates cannot be read. */
export function kubeletGateway(tls: TlsFiles, clock: Clock): KubeletGateway {
  const identity = {
    cert: readFileSync(tls.certFile),
    key: readFileSync(tls.keyFile),
    ca: readFileSync(tls.caFile),
  }
  const agent = new Agent({
    ...identity,
    keepAlive: true,
    maxFreeSockets: 16,
    maxSockets: logsMax,
  })
  return {
    place: node => ({ secure: true, ...addressOf(node), ...identity }),
    text: (node, path, timeoutMs) => {
      const target = { secure: true, path, ...addressOf(node), ...identity }
      return fetchText(target, clock, timeoutMs)
    },
    stream(node, path, call) {
      const target = { secure: true, path, ...addressOf(node), ...identity }
      return openTunnel(target, call.request, clock, refused)
    },
    async logs(node, pod, query, call) {
      const { name: nodeName = '' } = node.metadata
      const address = addressOf(node)
      const place = [pod.namespace, pod.name, pod.container].map(encodeURIComponent).join('/')
      const search = query.size === 0 ? '' : `?${query.toString()}`
      const path = `/containerLogs/${place}${search}`
      const answer = await ask(agent, address, path, nodeName, call.request.signal)
      if (answer.statusCode !== 200) throw await refusal(answer, pod.container)
      return {
        status: 200,
        headers: { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' },
        body: { kind: 'stream', open: sink => passOn(answer, sink) },
      }
    },
  }
}

function addressOf(node: KubeObject): KubeletAddress {
  const address = kubeletAddress(node)
  if (address !== null) return address
  throw serviceUnavailable(`node ${node.metadata.name ?? ''} does not say where its kubelet is`)
}

const refusedReasons: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
}

/** What a kubelet would not turn into a stream, in its own words. */
function refused(status: number, message: string): ApiError {
  const reason = refusedReasons[status]
  const { status: unknown } = internalError(message)
  return new ApiError(
    reason === undefined ? { ...unknown, message } : { ...unknown, message, reason, code: status },
  )
}

function ask(
  agent: Agent,
  address: KubeletAddress,
  path: string,
  nodeName: string,
  signal: AbandonSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent,
      host: address.host,
      port: address.port,
      path,
      method: 'GET',
      timeout: connectMs,
    })
    // Only until it answers: a followed log may be silent for hours.
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', error => {
      const text = `Get "https://${address.host}:${address.port}${path}": ${error.message}`
      reject(internalError(`node ${nodeName}: ${text}`))
    })
    outgoing.on('response', answer => {
      outgoing.setTimeout(0)
      resolve(answer)
    })
    signal.onAbandon(() => outgoing.destroy())
    outgoing.end()
  })
}

/** What the kubelet said, as the error that kubectl shows. */
async function refusal(answer: IncomingMessage, container: string): Promise<ApiError> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > errorBytesMax) break
    }
  } catch {
    // The status alone tells enough.
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, errorBytesMax).trim()
  if (answer.statusCode === 404) {
    return new ApiError({
      ...notFound({ group: '', plural: 'containers' }, container).status,
      message: text,
    })
  }
  if (answer.statusCode === 400) return badRequest(text)
  return internalError(`the kubelet answered ${answer.statusCode ?? 0}: ${text}`)
}

/** Streams an answer on at the pace of who takes it. Answers what ends it early. */
export function passOn(answer: IncomingMessage, sink: BodySink): () => void {
  sink.onDrain(() => answer.resume())
  answer.on('data', (chunk: Buffer) => {
    if (!sink.write(chunk)) answer.pause()
  })
  answer.on('end', () => sink.end())
  // A log that breaks off must not look like one that ended.
  answer.on('error', () => sink.abort())
  return () => answer.destroy()
}
