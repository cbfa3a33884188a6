// Tokens of service accounts that are kept in Secrets and never expire: what they say, and what a Secret has to be for
// its token to count. They die with the Secret and with the account. Pure. Counterpart: LegacyClaims of
// pkg/serviceaccount.

import { decodeBase64, isBase64 } from './base64.js'
import type { KubeObject } from './object.js'
import { msOfTime, timeOfMs } from './time.js'
import type { Secret } from './types/core-config.js'

export const tokenSecretType = 'kubernetes.io/service-account-token'
export const accountNameAnnotation = 'kubernetes.io/service-account.name'
export const accountUidAnnotation = 'kubernetes.io/service-account.uid'
/** On which day a token was last shown, and since which it counts no more: "2026-11-23". */
export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since'
/** In kube-system, with the day since which it is noted that tokens are used. */
export const trackingConfigMap = 'kube-apiserver-legacy-service-account-token-tracking'

export const legacyIssuer = 'kubernetes/serviceaccount'

export interface LegacyClaims {
  readonly iss: typeof legacyIssuer
  readonly sub: string
  readonly 'kubernetes.io/serviceaccount/namespace': string
  readonly 'kubernetes.io/serviceaccount/secret.name': string
  readonly 'kubernetes.io/serviceaccount/service-account.name': string
  readonly 'kubernetes.io/serviceaccount/service-account.uid': string
}

export function legacyClaims(secret: Secret, account: KubeObject): LegacyClaims {
  const { namespace = '', name = '', uid = '' } = account.metadata
  return {
    iss: legacyIssuer,
    sub: `system:serviceaccount:${namespace}:${name}`,
    'kubernetes.io/serviceaccount/namespace': namespace,
    'kubernetes.io/serviceaccount/secret.name': secret.metadata.name ?? '',
    'kubernetes.io/serviceaccount/service-account.name': name,
    'kubernetes.io/serviceaccount/service-account.uid': uid,
  }
}

/** A day as labels have it. */
export const dayOfMs = (wallMs: number): string => timeOfMs(wallMs).slice(0, 'yyyy-mm-dd'.length)

/** The beginning of a day; null for what is none. */
export const msOfDay = (day: string | undefined): number | null => msOfTime(`${day}T00:00:00Z`)

/** The token that a Secret stands for now; null for one that stands for none. */
export function heldToken(secret: Secret | undefined): string | null {
  const { metadata, type, data = {} } = secret ?? {}
  const withdrawn = metadata?.labels?.[invalidSinceLabel] !== undefined
  if (type !== tokenSecretType || metadata?.deletionTimestamp !== undefined || withdrawn)
    return null
  const token = data['token'] ?? ''
  return token === '' || !isBase64(token) ? null : new TextDecoder().decode(decodeBase64(token))
}
