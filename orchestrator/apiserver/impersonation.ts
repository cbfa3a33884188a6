// Whom a request wants to be treated as, and what its caller must be allowed for that: to
// impersonate the user, each group, the uid and each extra field, one by one. Counterpart:
// endpoints/filters/impersonation.go of k8s.io/apiserver. Pure.

import type { ResourceAttributes } from '../api/rbac/attributes.js'
import { anonymous, withAuthenticated } from './authentication.js'
import type { User } from './authentication.js'
import type { RequestHead } from './exchange.js'

export type Impersonation =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly problem: string }
  | {
      readonly kind: 'asked'
      readonly user: User
      /** All of it must be allowed to the caller. */
      readonly needs: readonly ResourceAttributes[]
    }

const extraPrefix = 'impersonate-extra-'

/** Each is one more question to the authorizer. */
const partsMax = 256

export function impersonated({ headers }: Pick<RequestHead, 'headers'>): Impersonation {
  const name = headers.get('impersonate-user') ?? ''
  const groups = list(headers.get('impersonate-group'))
  const uid = headers.get('impersonate-uid') ?? ''
  const extra = extraOf(headers)
  const extras = Object.entries(extra)
  if (name === '') {
    if (groups.length === 0 && uid === '' && extras.length === 0) return { kind: 'none' }
    const problem = 'requested impersonation of groups, a uid or extra fields without a user'
    return { kind: 'malformed', problem }
  }
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name)
  const needs = [
    account === null
      ? need('', 'users', name)
      : { ...need('', 'serviceaccounts', account[2] ?? ''), namespace: account[1] ?? '' },
    ...groups.map(group => need('', 'groups', group)),
    ...(uid === '' ? [] : [need(authenticationGroup, 'uids', uid)]),
    ...extras.flatMap(([key, values]) =>
      values.map(value => ({
        ...need(authenticationGroup, 'userextras', value),
        subresource: key,
      })),
    ),
  ]
  if (needs.length > partsMax) return { kind: 'malformed', problem: 'too much to impersonate' }
  return {
    kind: 'asked',
    user: { name, uid, groups: groupsOf(name, groups, account), extra },
    needs,
  }
}

const authenticationGroup = 'authentication.k8s.io'

function need(group: string, resource: string, name: string): ResourceAttributes {
  return {
    kind: 'resource',
    verb: 'impersonate',
    group,
    resource,
    subresource: '',
    namespace: '',
    name,
  }
}

/** The groups that come with every name of the kind are not asked after. */
function groupsOf(
  name: string,
  given: readonly string[],
  account: RegExpExecArray | null,
): readonly string[] {
  if (name === anonymous.name) return given.length === 0 ? anonymous.groups : given
  const implied =
    account === null || given.length > 0
      ? given
      : ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`]
  return implied.includes('system:unauthenticated') ? implied : withAuthenticated(implied)
}

function extraOf(headers: ReadonlyMap<string, string>): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {}
  for (const [header, value] of headers) {
    if (!header.startsWith(extraPrefix)) continue
    const key = decoded(header.slice(extraPrefix.length))
    const values = list(value)
    if (values.length > 0) extra[key] = values
  }
  return extra
}

/** Repeated headers arrive as one, joined by commas. */
function list(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

/** Keys may be percent-encoded; one that is badly so is taken as it stands. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
