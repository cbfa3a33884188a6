// One call passed on to a pod, a Service's endpoint or a node, and its answer back, streamed. Counterpart:
// apimachinery's UpgradeAwareHandler with its transport. Credentials stay here. Left out: rewriting of
// links in HTML pages; redirects are rewritten.

import type { IncomingMessage } from 'node:http'
import { ApiError, serviceUnavailable } from '../api/status.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import { isRepeatable } from './kept-connections.js'
import type { ConnectionPool } from './kept-connections.js'
import { passOn } from './kubelet-gateway.js'
import type { TunnelTarget } from './tunnel.js'

/** Of one connection, or for us alone. */
const ours = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What the other side may see of a request's headers. `uri` is the path as the client knows it. */
export function passedHeaders(request: ApiRequest, uri: string): Record<string, string> {
  const headers: Record<string, string> = {}
  const listed = (request.headers.get('connection') ?? '').toLowerCase().split(/ *, */)
  for (const [name, value] of request.headers) {
    if (ours.has(name) || name.startsWith('impersonate-') || listed.includes(name)) continue
    headers[name] = value
  }
  const remote = request.remote.replace(/:\d+$/, '')
  const before = request.headers.get('x-forwarded-for')
  headers['x-forwarded-for'] = before === undefined ? remote : `${before}, ${remote}`
  headers['x-forwarded-uri'] = uri
  headers['x-forwarded-proto'] = 'https'
  const host = request.headers.get('host')
  if (host !== undefined) headers['x-forwarded-host'] = host
  return headers
}

/** Throws ApiError when there is no answer. `prefix` is the client's path to the proxied root. */
export async function passRequest(
  target: TunnelTarget,
  pool: ConnectionPool,
  request: ApiRequest,
  prefix: string,
  moreHeaders: Readonly<Record<string, string | string[]>> = {},
): Promise<ApiResponse> {
  const headers: Record<string, string | string[]> = {
    ...passedHeaders(request, prefix + target.path),
    ...moreHeaders,
  }
  const { method, body, signal } = request
  const bodiless = body.length === 0 && (method === 'GET' || method === 'HEAD')
  if (!bodiless) headers['content-length'] = String(body.length)
  const { host, port, path } = target
  const repeatable = bodiless && isRepeatable(method)
  let answer: IncomingMessage
  try {
    const endpoint = { host, port }
    answer = await pool.call({ endpoint, method, path, headers, body, repeatable, signal })
  } catch (error) {
    if (error instanceof ApiError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw serviceUnavailable(`error trying to reach service: ${why}`)
  }
  return {
    status: answer.statusCode ?? 502,
    headers: answeredHeaders(answer, target, prefix),
    body: { kind: 'stream', open: sink => passOn(answer, sink) },
  }
}

function answeredHeaders(
  answer: IncomingMessage,
  target: TunnelTarget,
  prefix: string,
): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || (ours.has(name) && name !== 'content-length')) continue
    headers[name] = value
  }
  const { location } = answer.headers
  if (location !== undefined) headers['location'] = passedLocation(location, target, prefix)
  return headers
}

/** A redirect within what is proxied leads through the proxy again; any other is left alone. */
export function passedLocation(
  location: string,
  { secure, host, port, path }: Pick<TunnelTarget, 'secure' | 'host' | 'port' | 'path'>,
  prefix: string,
): string {
  const origin = `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (!URL.canParse(location, origin + path)) return location
  const url = new URL(location, origin + path)
  if (url.origin !== new URL(origin).origin) return location
  return `${prefix}${url.pathname}${url.search}${url.hash}`
}
