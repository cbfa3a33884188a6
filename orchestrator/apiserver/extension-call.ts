// The way to extension API servers: over TLS under their Service's name, with our front-proxy
// certificate, and with who asks in headers, which they believe whoever shows that certificate.
// Counterpart: handler_proxy.go of kube-aggregator.

import { readFileSync } from 'node:fs'
import type { Clock } from '../../platform/clock.js'
import type { TlsFiles } from '../../platform/network.js'
import { ApiError } from '../api/status.js'
import type { Backend } from '../api/service-backends.js'
import type { APIServiceSpec } from '../api/types/apiregistration.js'
import type { User } from './authentication.js'
import { textResponse } from './exchange.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import type { Answer } from './extension-documents.js'
import { wholeAnswer } from './kept-connections.js'
import type { ConnectionPool, KeptConnections } from './kept-connections.js'
import { passedHeaders, passRequest } from './proxy-request.js'
import { openTunnel } from './tunnel.js'
import type { TunnelTarget } from './tunnel.js'

/** As whom we ask for ourselves. */
const aggregatorUser: User = {
  name: 'system:kube-aggregator',
  uid: '',
  groups: ['system:masters'],
  extra: {},
}

export interface ProxyIdentity {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Throws where the certificates cannot be read. */
export function proxyIdentity(tls: TlsFiles): ProxyIdentity {
  return { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }
}

/** As what the aggregator keeps connections to the server of an APIService. */
export function extensionOwner(group: string, version: string): string {
  return `apiservice ${group}/${version}`
}

/** The connections to it, which are others as soon as it is trusted otherwise. */
export function extensionPool(
  connections: KeptConnections,
  owner: string,
  spec: APIServiceSpec,
  identity: ProxyIdentity | null,
): ConnectionPool {
  const { caBundle = '', insecureSkipTLSVerify = false } = spec
  const servername = servernameOf(spec)
  return connections.pool(owner, `${servername} ${insecureSkipTLSVerify} ${caBundle}`, () => ({
    secure: true,
    servername,
    ca: caBundle === '' ? null : Buffer.from(caBundle, 'base64'),
    identity,
    insecure: insecureSkipTLSVerify,
  }))
}

function servernameOf({ service }: APIServiceSpec): string {
  return `${service?.name ?? ''}.${service?.namespace ?? ''}.svc`
}

/** `identity` null: we show nobody who we are. */
export function extensionTarget(
  spec: APIServiceSpec,
  backend: Backend,
  path: string,
  identity: ProxyIdentity | null,
): TunnelTarget {
  const { caBundle = '', insecureSkipTLSVerify = false } = spec
  return {
    secure: true,
    ...backend,
    path,
    servername: servernameOf(spec),
    ...identity,
    ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    ...(insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
  }
}

/** Never throws an ApiError: what goes wrong is said in plain text, as with the original. */
export async function passToExtension(
  target: TunnelTarget,
  pool: ConnectionPool,
  request: ApiRequest,
  user: User,
  clock: Clock,
): Promise<ApiResponse> {
  const path = request.url.split('?')[0] ?? ''
  const clean = { ...request, headers: withoutClaims(request.headers) }
  const claims = claimsOf(user)
  try {
    if ((request.headers.get('upgrade') ?? '') === '') {
      return await passRequest(target, pool, clean, '', claims)
    }
    const headers = { ...passedHeaders(clean, path), ...claims }
    return await openTunnel(target, clean, clock, refused, headers)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const response = textResponse(error.httpCode, `${error.message}\n`)
    const { retryAfterSeconds = 0 } = error.status.details ?? {}
    if (retryAfterSeconds === 0) return response
    const headers = { ...response.headers, 'retry-after': String(retryAfterSeconds) }
    return { ...response, headers }
  }
}

function refused(code: number, text: string): ApiError {
  const message = text === '' ? `the server answered ${code}` : text
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code,
    message,
  })
}

export function unavailable(text = 'service unavailable'): ApiResponse {
  return textResponse(503, `${text}\n`)
}

/** Nobody but us may say who asks. */
function withoutClaims(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...headers].filter(([name]) => !name.startsWith('x-remote-')))
}

function claimsOf(user: User): Record<string, string | string[]> {
  const claims: Record<string, string | string[]> = {
    'x-remote-user': user.name,
    'x-remote-group': [...user.groups],
  }
  for (const [key, values] of Object.entries(user.extra)) {
    claims[`x-remote-extra-${encodeURIComponent(key.toLowerCase())}`] = [...values]
  }
  return claims
}

const answerBytesMax = 8 * 1024 * 1024

/** What it answers us ourselves. `etag`: of what is known already. Rejects with an Error that says what is wrong. */
export async function askExtension(
  pool: ConnectionPool,
  { host, port, path }: TunnelTarget,
  etag: string,
  clock: Clock,
  timeoutMs: number,
): Promise<Answer> {
  const headers = {
    ...claimsOf(aggregatorUser),
    accept: 'application/json',
    ...(etag === '' ? {} : { 'if-none-match': etag }),
  }
  const call = {
    endpoint: { host, port },
    method: 'GET',
    path,
    headers,
    body: '',
    repeatable: true,
  }
  const answer = await wholeAnswer(pool, call, clock, { timeoutMs, bytesMax: answerBytesMax })
  return { status: answer.status, etag: answer.headers.etag ?? '', text: answer.text }
}
