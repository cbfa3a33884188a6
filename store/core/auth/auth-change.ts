// Changes of users, roles and of whether they count, as they stand in the log. Passwords have been
// hashed before, by the member that took the request: the state machine sees none. Counterpart: the
// Auth messages of etcd's InternalRaftRequest.

import { unreachable } from '../../../platform/errors.js'
import type { PackedValue } from '../../../platform/msgpack.js'
import { bytes, choice, malformed, text, tuple, unknownCommand } from '../command-fields.js'
import { StoreError } from '../errors.js'
import { authNameBytesMax, authSecretBytes, passwordHashBytesMax } from '../limits.js'
import { isRecordName } from '../system-records.js'
import type { Access, Bytes, KeyRange, Permission } from '../types.js'

export type AuthChange =
  /** `secret` signs tokens from then on. */
  | { readonly action: 'enable'; readonly secret: Bytes }
  | { readonly action: 'disable' }
  /** `passwordHash` null: no password, only a client certificate opens it. */
  | { readonly action: 'userAdd'; readonly user: string; readonly passwordHash: Bytes | null }
  | { readonly action: 'userDelete'; readonly user: string }
  | { readonly action: 'userChangePassword'; readonly user: string; readonly passwordHash: Bytes }
  | { readonly action: 'userGrantRole'; readonly user: string; readonly role: string }
  | { readonly action: 'userRevokeRole'; readonly user: string; readonly role: string }
  | { readonly action: 'roleAdd'; readonly role: string }
  | { readonly action: 'roleDelete'; readonly role: string }
  | {
      readonly action: 'roleGrantPermission'
      readonly role: string
      readonly permission: Permission
    }
  | { readonly action: 'roleRevokePermission'; readonly role: string; readonly range: KeyRange }

/** Codes in a log entry. */
export const authCode = {
  enable: 17,
  disable: 18,
  userAdd: 19,
  userDelete: 20,
  userChangePassword: 21,
  userGrantRole: 22,
  userRevokeRole: 23,
  roleAdd: 24,
  roleDelete: 25,
  roleGrantPermission: 26,
  roleRevokePermission: 27,
} as const satisfies Readonly<Record<AuthChange['action'], number>>

const actionByCode = new Map<unknown, AuthChange['action']>(
  (Object.keys(authCode) as AuthChange['action'][]).map(action => [authCode[action], action]),
)

const accesses: readonly Access[] = ['read', 'write', 'readwrite']

export function encodeAuthChange(change: AuthChange): PackedValue[] {
  const code = authCode[change.action]
  switch (change.action) {
    case 'enable':
      return [code, change.secret]
    case 'disable':
      return [code]
    case 'userAdd':
    case 'userChangePassword':
      return [code, change.user, change.passwordHash]
    case 'userDelete':
      return [code, change.user]
    case 'userGrantRole':
    case 'userRevokeRole':
      return [code, change.user, change.role]
    case 'roleAdd':
    case 'roleDelete':
      return [code, change.role]
    case 'roleGrantPermission':
      return [code, change.role, encodePermission(change.permission)]
    case 'roleRevokePermission':
      return [code, change.role, change.range.key, change.range.end ?? null]
    default:
      return unreachable(change)
  }
}

export function encodePermission({ access, key, end }: Permission): PackedValue[] {
  return [accesses.indexOf(access), key, end ?? null]
}

/** Throws StoreError `malformed`. */
export function decodeAuthChange(fields: unknown[]): AuthChange {
  const action = actionByCode.get(fields[0])
  if (action === undefined) unknownCommand(fields[0])
  switch (action) {
    case 'enable':
      return { action, secret: bytes(tuple(fields, 2)[1]) }
    case 'disable':
      tuple(fields, 1)
      return { action }
    case 'userAdd': {
      const [, user, hash] = tuple(fields, 3)
      return { action, user: text(user), passwordHash: hash === null ? null : bytes(hash) }
    }
    case 'userChangePassword': {
      const [, user, hash] = tuple(fields, 3)
      return { action, user: text(user), passwordHash: bytes(hash) }
    }
    case 'userDelete':
      return { action, user: text(tuple(fields, 2)[1]) }
    case 'userGrantRole':
    case 'userRevokeRole': {
      const [, user, role] = tuple(fields, 3)
      return { action, user: text(user), role: text(role) }
    }
    case 'roleAdd':
    case 'roleDelete':
      return { action, role: text(tuple(fields, 2)[1]) }
    case 'roleGrantPermission': {
      const [, role, permission] = tuple(fields, 3)
      return { action, role: text(role), permission: decodePermission(permission) }
    }
    case 'roleRevokePermission': {
      const [, role, key, end] = tuple(fields, 4)
      return { action, role: text(role), range: keyRange(key, end) }
    }
    default:
      return unreachable(action)
  }
}

/** Throws StoreError `malformed`. */
export function decodePermission(value: unknown): Permission {
  const [access, key, end] = tuple(value, 3)
  return { access: choice(accesses, access), ...keyRange(key, end) }
}

/** `end` only where there is one, as exact optional properties want it. */
function keyRange(key: unknown, end: unknown): KeyRange {
  return end === null ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) }
}

/** What is wrong with it whatever the state. Throws StoreError. */
export function checkAuthChange(change: AuthChange): void {
  if ('user' in change) checkName(change.user, 'user-empty')
  if ('role' in change) checkName(change.role, 'role-empty')
  if ('passwordHash' in change && (change.passwordHash?.length ?? 0) > passwordHashBytesMax) {
    malformed('a password hash is too long')
  }
  if (change.action === 'enable' && change.secret.length !== authSecretBytes) {
    malformed('a secret of a wrong length')
  }
  if (change.action === 'roleGrantPermission' && !isPermissionRange(change.permission)) {
    throw new StoreError('invalid-auth-management')
  }
}

function checkName(name: string, empty: 'user-empty' | 'role-empty'): void {
  if (name === '') throw new StoreError(empty)
  if (!isRecordName(name) || Buffer.byteLength(name) > authNameBytesMax) {
    malformed(`a name is no text of at most ${authNameBytesMax} bytes`)
  }
}

/** A key, a range that is not turned around, or everything from a key on. As in etcd. */
function isPermissionRange({ key, end }: KeyRange): boolean {
  if (key.length === 0) return false
  if (end === undefined || end.length === 0) return true
  return (end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0
}
