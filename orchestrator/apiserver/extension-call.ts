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
import { fetchText } from './fetch-text.js'
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

/** `identity` null: we show nobody who we are. */
export function extensionTarget(
  spec: APIServiceSpec,
  backend: Backend,
  path: string,
  identity: ProxyIdentity | null,
): TunnelTarget {
  const { service, caBundle = '', insecureSkipTLSVerify = false } = spec
  return {
    secure: true,
    ...backend,
    path,
    servername: `${service?.name ?? ''}.${service?.namespace ?? ''}.svc`,
    ...identity,
    ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    ...(insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
  }
}

/** Never throws an ApiError: what goes wrong is said in plain text, as with the original. */
export async function passToExtension(
  target: TunnelTarget,
  request: ApiRequest,
  user: User,
  clock: Clock,
): Promise<ApiResponse> {
  const path = request.url.split('?')[0] ?? ''
  const clean = { ...request, headers: withoutClaims(request.headers) }
  const claims = claimsOf(user)
  try {
    if ((request.headers.get('upgrade') ?? '') === '') {
      return await passRequest(target, clean, '', claims)
    }
    const headers = { ...passedHeaders(clean, path), ...claims }
    return await openTunnel(target, clean, clock, refused, headers)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return textResponse(error.httpCode, `${error.message}\n`)
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

/** The JSON at `path`. Rejects with an Error whose message says what is wrong. */
export async function fetchFromExtension(
  target: TunnelTarget,
  clock: Clock,
  timeoutMs: number,
): Promise<unknown> {
  const headers = { ...claimsOf(aggregatorUser), accept: 'application/json' }
  const text = await fetchText(target, clock, timeoutMs, headers)
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the answer is not JSON')
  }
}
