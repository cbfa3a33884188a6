// Requests about users and roles, and their answers, as positional arrays. One message of the
// protocol carries all of them: the first item of its body says which.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type {
  Access,
  AuthRequest,
  AuthResponse,
  KeyRange,
  Permission,
  ResponseHeader,
} from '../core/types.js'
import { asBytes, asFields, asFlag, asList, asName, asText, asUint } from './wire.js'

/** On the wire by their place. New ones go to the end. */
const actions = [
  'status',
  'enable',
  'disable',
  'userAdd',
  'userGet',
  'userList',
  'userDelete',
  'userChangePassword',
  'userGrantRole',
  'userRevokeRole',
  'roleAdd',
  'roleGet',
  'roleList',
  'roleDelete',
  'roleGrantPermission',
  'roleRevokePermission',
] as const satisfies readonly AuthRequest['action'][]

const accesses = ['read', 'write', 'readwrite'] as const satisfies readonly Access[]

export function encodeAuthRequest(request: AuthRequest): PackedValue {
  const action = actions.indexOf(request.action)
  switch (request.action) {
    case 'status':
    case 'enable':
    case 'disable':
    case 'userList':
    case 'roleList':
      return [action]
    case 'userAdd':
    case 'userChangePassword':
      return [action, request.user, request.password, request.passwordHash ?? null]
    case 'userGet':
    case 'userDelete':
      return [action, request.user]
    case 'userGrantRole':
    case 'userRevokeRole':
      return [action, request.user, request.role]
    case 'roleAdd':
    case 'roleGet':
    case 'roleDelete':
      return [action, request.role]
    case 'roleGrantPermission':
      return [action, request.role, ...permissionFields(request.permission)]
    case 'roleRevokePermission':
      return [action, request.role, request.range.key, request.range.end ?? null]
    default:
      return unreachable(request)
  }
}

/** @throws ProtocolError. Copies its keys: checking a request may outlive its frame. */
export function decodeAuthRequest(body: unknown): AuthRequest {
  const list = asList(body, 'auth')
  const action = asName(list[0], actions, 'auth action')
  const fields = (length: number) => asFields(body, length, action)
  switch (action) {
    case 'status':
    case 'enable':
    case 'disable':
    case 'userList':
    case 'roleList':
      fields(1)
      return { action }
    case 'userAdd': {
      const [, user, password, hash] = fields(4)
      return {
        action,
        user: asText(user, 'user'),
        password: password === null ? null : asText(password, 'password'),
        ...hashOf(hash),
      }
    }
    case 'userChangePassword': {
      const [, user, password, hash] = fields(4)
      return {
        action,
        user: asText(user, 'user'),
        password: asText(password, 'password'),
        ...hashOf(hash),
      }
    }
    case 'userGet':
    case 'userDelete':
      return { action, user: asText(fields(2)[1], 'user') }
    case 'userGrantRole':
    case 'userRevokeRole': {
      const [, user, role] = fields(3)
      return { action, user: asText(user, 'user'), role: asText(role, 'role') }
    }
    case 'roleAdd':
    case 'roleGet':
    case 'roleDelete':
      return { action, role: asText(fields(2)[1], 'role') }
    case 'roleGrantPermission': {
      const [, role, access, key, end] = fields(5)
      const permission = permissionOf(access, key, end)
      return { action, role: asText(role, 'role'), permission }
    }
    case 'roleRevokePermission': {
      const [, role, key, end] = fields(4)
      return { action, role: asText(role, 'role'), range: rangeOf(key, end) }
    }
    default:
      return unreachable(action)
  }
}

export function encodeAuthResponse(response: AuthResponse): PackedValue {
  const { enabled, authRevision, names, permissions } = response
  return [enabled, authRevision, names, permissions.map(permissionFields)]
}

/** @throws ProtocolError */
export function decodeAuthResponse(body: unknown, header: ResponseHeader): AuthResponse {
  const [enabled, authRevision, names, permissions] = asFields(body, 4, 'auth answer')
  return {
    header,
    enabled: asFlag(enabled, 'enabled'),
    authRevision: asUint(authRevision, 'authRevision'),
    names: asList(names, 'names').map(name => asText(name, 'name')),
    permissions: asList(permissions, 'permissions').map(value => {
      const [access, key, end] = asFields(value, 3, 'permission')
      return permissionOf(access, key, end)
    }),
  }
}

function permissionFields({ access, key, end }: Permission): readonly PackedValue[] {
  return [accesses.indexOf(access), key, end ?? null]
}

function permissionOf(access: unknown, key: unknown, end: unknown): Permission {
  return { access: asName(access, accesses, 'access'), ...rangeOf(key, end) }
}

function rangeOf(key: unknown, end: unknown): KeyRange {
  const from = Buffer.from(asBytes(key, 'key'))
  return end === null ? { key: from } : { key: from, end: Buffer.from(asBytes(end, 'end')) }
}

function hashOf(value: unknown): { readonly passwordHash?: string } {
  return value === null ? {} : { passwordHash: asText(value, 'password hash') }
}
