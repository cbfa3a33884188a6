// Users, roles and the switch of authentication as system records: one a user, one a role, one for
// all. Counterpart: etcd's auth buckets.

import type { UnpackRules } from '../../../platform/msgpack.js'
import { packArray, unpackArray } from '../../../platform/msgpack.js'
import { decodePermission, encodePermission } from './auth-change.js'
import { bytes, count, list, malformed, text, truth, tuple } from '../command-fields.js'
import { StoreError } from '../errors.js'
import {
  authNameBytesMax,
  permissionsPerRoleMax,
  rolesPerUserMax,
  systemRecordBytesMax,
} from '../limits.js'
import type { SystemRecord } from '../system-records.js'
import type { Bytes, Permission, Revision } from '../types.js'

export interface AuthUser {
  readonly name: string
  /** Null: it has no password. Opaque here. */
  readonly passwordHash: Bytes | null
  /** In byte order, each once. */
  readonly roles: readonly string[]
  /** Tokens of an earlier auth revision are void: of an older password, or of a deleted namesake. */
  readonly tokensFrom: Revision
}

export interface AuthRole {
  readonly name: string
  /** By key, then by end; one for each range. */
  readonly permissions: readonly Permission[]
}

export interface AuthSwitch {
  readonly enabled: boolean
  readonly revision: Revision
  /** Signs tokens; empty until authentication is enabled for the first time. */
  readonly secret: Bytes
}

export const authFamily = 'auth/'
const switchName = 'auth/state'
const userFamily = 'auth/user/'
const roleFamily = 'auth/role/'

export const userRecordName = (user: string): string => userFamily + user
export const roleRecordName = (role: string): string => roleFamily + role

const formatVersion = 1
const rules: UnpackRules = {
  itemsMax: systemRecordBytesMax,
  depthMax: 4,
  textBytesMax: authNameBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new StoreError('malformed', detail),
}

export type AuthRecord =
  | { readonly kind: 'user'; readonly user: AuthUser }
  | { readonly kind: 'role'; readonly role: AuthRole }
  | { readonly kind: 'switch'; readonly state: AuthSwitch }

export function userRecord({ name, passwordHash, tokensFrom, roles }: AuthUser): SystemRecord {
  const value = packArray([formatVersion, passwordHash, tokensFrom, roles])
  return { name: userRecordName(name), value }
}

export function roleRecord({ name, permissions }: AuthRole): SystemRecord {
  const value = packArray([formatVersion, permissions.map(encodePermission)])
  return { name: roleRecordName(name), value }
}

export function switchRecord({ enabled, revision, secret }: AuthSwitch): SystemRecord {
  return { name: switchName, value: packArray([formatVersion, enabled, revision, secret]) }
}

/** Throws StoreError `malformed`. */
export function decodeAuthRecord({ name, value }: SystemRecord): AuthRecord {
  const fields = unpackArray(value, rules)
  if (fields[0] !== formatVersion) malformed('a record of an unknown version')
  if (name.startsWith(userFamily)) {
    const [, hash, tokensFrom, roles] = tuple(fields, 4)
    const user: AuthUser = {
      name: name.slice(userFamily.length),
      passwordHash: hash === null ? null : bytes(hash),
      roles: list(roles, rolesPerUserMax).map(text),
      tokensFrom: count(tokensFrom),
    }
    return { kind: 'user', user }
  }
  if (name.startsWith(roleFamily)) {
    const permissions = list(tuple(fields, 2)[1], permissionsPerRoleMax).map(decodePermission)
    return { kind: 'role', role: { name: name.slice(roleFamily.length), permissions } }
  }
  if (name !== switchName) malformed('a record of an unknown name')
  const [, enabled, revision, secret] = tuple(fields, 4)
  const state = { enabled: truth(enabled), revision: count(revision), secret: bytes(secret) }
  return { kind: 'switch', state }
}
