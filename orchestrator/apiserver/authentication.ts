// Who is calling: a verified client certificate (CN is the user, each O a group) or a bearer token.
// Counterpart: apiserver's authentication/request. Anonymous calls get a user that may only ask
// after health and version.

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

/** Somebody, and for which of the audiences asked after their token is. */
export interface KnownToken {
  readonly user: User
  readonly audiences: readonly string[]
}

/** Null for a token that is unknown, expired, forged, or for none of the audiences. */
export type TokenLookup = (token: string, audiences: readonly string[]) => KnownToken | null

export type Authentication =
  | { readonly kind: 'user'; readonly user: User }
  /** Credentials were shown and are not good: 401, never treated as anonymous. */
  | { readonly kind: 'refused' }

const allAuthenticated = 'system:authenticated'

/** `audiences`: for whom a token must be. */
export function authenticate(
  request: RequestHead,
  audiences: readonly string[],
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
  const known = authenticateToken(token, audiences, lookups)
  return known === null ? { kind: 'refused' } : { kind: 'user', user: known.user }
}

/** The first who knows the token. */
export function authenticateToken(
  token: string,
  audiences: readonly string[],
  lookups: readonly TokenLookup[],
): KnownToken | null {
  for (const lookup of lookups) {
    const known = lookup(token, audiences)
    if (known === null) continue
    const { user } = known
    return { ...known, user: { ...user, groups: withAuthenticated(user.groups) } }
  }
  return null
}

export function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes(allAuthenticated) ? groups : [...groups, allAuthenticated]
}

function bearerToken(authorization: string): string | null {
  const match = /^bearer +([^ ]+)$/i.exec(authorization.trim())
  return match?.[1] ?? null
}
