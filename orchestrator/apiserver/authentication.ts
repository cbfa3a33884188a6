// Who is calling: a verified client certificate (CN is the user, each O a group) or a bearer token.
// Counterpart: apiserver's authentication/request. Anonymous calls get a user that may only ask
// after health and version. Impersonation is not offered.

import type { RequestHead } from './exchange.js'

export interface User {
  readonly name: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export const anonymous: User = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
}

/** Looks a token up; null for one that is unknown, expired or forged. */
export type TokenLookup = (token: string) => User | null

export type Authentication =
  | { readonly kind: 'user'; readonly user: User }
  /** Credentials were shown and are not good: 401, never treated as anonymous. */
  | { readonly kind: 'refused' }

const allAuthenticated = 'system:authenticated'

export function authenticate(
  request: RequestHead,
  lookups: readonly TokenLookup[],
): Authentication {
  if (request.peer === 'invalid') return { kind: 'refused' }
  if (request.peer !== null) {
    // A certificate without a name identifies nobody.
    if (request.peer.commonName === '') return { kind: 'refused' }
    return {
      kind: 'user',
      user: {
        name: request.peer.commonName,
        uid: '',
        groups: withAuthenticated(request.peer.organizations),
        extra: {},
      },
    }
  }
  const authorization = request.headers.get('authorization')
  if (authorization === undefined) return { kind: 'user', user: anonymous }
  const token = bearerToken(authorization)
  if (token === null) return { kind: 'refused' }
  for (const lookup of lookups) {
    const user = lookup(token)
    if (user !== null) {
      return { kind: 'user', user: { ...user, groups: withAuthenticated(user.groups) } }
    }
  }
  return { kind: 'refused' }
}

function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes(allAuthenticated) ? groups : [...groups, allAuthenticated]
}

function bearerToken(authorization: string): string | null {
  const match = /^bearer +([^ ]+)$/i.exec(authorization.trim())
  return match?.[1] ?? null
}
