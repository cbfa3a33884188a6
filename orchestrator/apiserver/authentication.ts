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

/**
 * Whom the request wants to be treated as (Impersonate-User, Impersonate-Group, Impersonate-Uid);
 * null when it does not ask, 'malformed' when it names groups without a user.
 */
export function impersonated(request: RequestHead): User | 'malformed' | null {
  const name = request.headers.get('impersonate-user') ?? ''
  const given = request.headers.get('impersonate-group') ?? ''
  const uid = request.headers.get('impersonate-uid') ?? ''
  if (name === '') return given === '' && uid === '' ? null : 'malformed'
  const named = given
    .split(',')
    .map(group => group.trim())
    .filter(group => group !== '')
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name)
  const implied =
    account === null || named.length > 0
      ? named
      : ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`]
  const groups = name === anonymous.name ? anonymous.groups : withAuthenticated(implied)
  return { name, uid, groups, extra: {} }
}
