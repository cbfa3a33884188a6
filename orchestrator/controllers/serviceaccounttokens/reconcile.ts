// What a Secret needs that is to hold the token of an account: its parts, or to go with the account. Pure.
// Counterpart: the TokensController of pkg/controller/serviceaccount.

import { encodeBase64 } from '../../api/base64.js'
import {
  accountNameAnnotation,
  accountUidAnnotation,
  legacyClaims,
  type LegacyClaims,
  tokenSecretType,
} from '../../api/legacy-token.js'
import type { KubeObject } from '../../api/object.js'
import type { Secret, ServiceAccount } from '../../api/types/core-config.js'
import { isDeleting } from '../ownership.js'

export type TokenSecretPlan =
  | { readonly kind: 'keep' }
  /** Its account is gone, or is another one by now. */
  | { readonly kind: 'delete' }
  /** With all but the token; `claims` is what a token has to say, null where there is one. */
  | { readonly kind: 'fill'; readonly secret: Secret; readonly claims: LegacyClaims | null }

/** "" for a Secret that is no account's. */
export function accountNameOf({ metadata, type }: Secret): string {
  return type === tokenSecretType ? (metadata.annotations?.[accountNameAnnotation] ?? '') : ''
}

/** Whether an account is the one that a Secret was made for, where it says which. */
export function isAccountOf(secret: Secret, account: KubeObject | undefined): boolean {
  const uid = secret.metadata.annotations?.[accountUidAnnotation] ?? ''
  return account !== undefined && (uid === '' || uid === account.metadata.uid)
}

/** `rootCa` in PEM: what the token's bearer verifies API servers with; null leaves it out. */
export function planTokenSecret(
  secret: Secret,
  account: KubeObject | undefined,
  rootCa: string | null,
): TokenSecretPlan {
  if (accountNameOf(secret) === '' || isDeleting(secret)) return { kind: 'keep' }
  if (account === undefined || !isAccountOf(secret, account)) return { kind: 'delete' }
  const { data = {}, metadata } = secret
  const ca = rootCa === null ? null : encoded(rootCa)
  const claims = (data['token'] ?? '') === '' ? legacyClaims(secret, account) : null
  const right =
    claims === null &&
    (ca === null || data['ca.crt'] === ca) &&
    (data['namespace'] ?? '') !== '' &&
    metadata.annotations?.[accountUidAnnotation] === account.metadata.uid
  if (right || isDeleting(account)) return { kind: 'keep' }
  const annotations = {
    ...metadata.annotations,
    [accountUidAnnotation]: account.metadata.uid ?? '',
  }
  return {
    kind: 'fill',
    claims,
    secret: {
      ...secret,
      metadata: { ...metadata, annotations },
      data: {
        namespace: encoded(account.metadata.namespace ?? ''),
        ...data,
        ...(ca === null ? {} : { 'ca.crt': ca }),
      },
    },
  }
}

export function withToken(secret: Secret, token: string): Secret {
  return { ...secret, data: { ...secret.data, token: encoded(token) } }
}

/** Null where the account does not name the Secret. */
export function withoutReference(account: ServiceAccount, secret: string): ServiceAccount | null {
  const { secrets = [] } = account
  const left = secrets.filter(({ name }) => name !== secret)
  return left.length === secrets.length ? null : { ...account, secrets: left }
}

const encoded = (text: string): string => encodeBase64(new TextEncoder().encode(text))
