// etcd's Auth service: users, roles, and tokens for passwords.

import type { RpcMethod } from '../../platform/rpc.js'
import { StoreError } from '../core/errors.js'
import type { Access, AuthRequest, AuthResponse, KeyRange, Permission } from '../core/types.js'
import { unary } from './calls.js'
import type { EtcdContext } from './context.js'
import type { MessageType } from '../../platform/protobuf-message.js'
import * as messages from './messages/auth.js'

type Method = readonly [string, RpcMethod]

const accesses: readonly Access[] = ['read', 'write', 'readwrite']

export function authMethods(context: EtcdContext): readonly Method[] {
  const method = <T, E>(
    name: string,
    type: MessageType<T, unknown>,
    toRequest: (message: T) => AuthRequest,
    response: MessageType<unknown, E>,
    toMessage: (answer: AuthResponse) => E,
  ): Method => [
    `/etcdserverpb.Auth/${name}`,
    unary<'auth', T, unknown>(
      context,
      type,
      message => ({ kind: 'auth', id: 0, request: toRequest(message) }),
      answer => response.encode(toMessage(answer.response)),
    ),
  ]
  const header = ({ header: of }: AuthResponse) => ({ header: of })
  return [
    [
      '/etcdserverpb.Auth/Authenticate',
      unary(
        context,
        messages.AuthenticateRequest,
        ({ name, password }) => ({ kind: 'authenticate', id: 0, user: name, password }),
        ({ response }) => messages.AuthenticateResponse.encode(response),
      ),
    ],
    method(
      'AuthEnable',
      messages.AuthEnableRequest,
      () => ({ action: 'enable' }),
      messages.AuthEnableResponse,
      header,
    ),
    method(
      'AuthDisable',
      messages.AuthDisableRequest,
      () => ({ action: 'disable' }),
      messages.AuthDisableResponse,
      header,
    ),
    method(
      'AuthStatus',
      messages.AuthStatusRequest,
      () => ({ action: 'status' }),
      messages.AuthStatusResponse,
      answer => answer,
    ),
    method(
      'UserAdd',
      messages.AuthUserAddRequest,
      ({ name, password, options, hashedPassword }) => ({
        action: 'userAdd',
        user: name,
        password: options?.noPassword === true ? null : password,
        ...hashOf(hashedPassword),
      }),
      messages.AuthUserAddResponse,
      header,
    ),
    method(
      'UserGet',
      messages.AuthUserGetRequest,
      ({ name }) => ({ action: 'userGet', user: name }),
      messages.AuthUserGetResponse,
      ({ header: of, names }) => ({ header: of, roles: names }),
    ),
    method(
      'UserList',
      messages.AuthUserListRequest,
      () => ({ action: 'userList' }),
      messages.AuthUserListResponse,
      ({ header: of, names }) => ({ header: of, users: names }),
    ),
    method(
      'UserDelete',
      messages.AuthUserDeleteRequest,
      ({ name }) => ({ action: 'userDelete', user: name }),
      messages.AuthUserDeleteResponse,
      header,
    ),
    method(
      'UserChangePassword',
      messages.AuthUserChangePasswordRequest,
      ({ name, password, hashedPassword }) => ({
        action: 'userChangePassword',
        user: name,
        password,
        ...hashOf(hashedPassword),
      }),
      messages.AuthUserChangePasswordResponse,
      header,
    ),
    method(
      'UserGrantRole',
      messages.AuthUserGrantRoleRequest,
      ({ user, role }) => ({ action: 'userGrantRole', user, role }),
      messages.AuthUserGrantRoleResponse,
      header,
    ),
    method(
      'UserRevokeRole',
      messages.AuthUserRevokeRoleRequest,
      ({ name, role }) => ({ action: 'userRevokeRole', user: name, role }),
      messages.AuthUserRevokeRoleResponse,
      header,
    ),
    method(
      'RoleAdd',
      messages.AuthRoleAddRequest,
      ({ name }) => ({ action: 'roleAdd', role: name }),
      messages.AuthRoleAddResponse,
      header,
    ),
    method(
      'RoleGet',
      messages.AuthRoleGetRequest,
      ({ role }) => ({ action: 'roleGet', role }),
      messages.AuthRoleGetResponse,
      ({ header: of, permissions }) => ({ header: of, perm: permissions.map(permissionMessage) }),
    ),
    method(
      'RoleList',
      messages.AuthRoleListRequest,
      () => ({ action: 'roleList' }),
      messages.AuthRoleListResponse,
      ({ header: of, names }) => ({ header: of, roles: names }),
    ),
    method(
      'RoleDelete',
      messages.AuthRoleDeleteRequest,
      ({ role }) => ({ action: 'roleDelete', role }),
      messages.AuthRoleDeleteResponse,
      header,
    ),
    method(
      'RoleGrantPermission',
      messages.AuthRoleGrantPermissionRequest,
      ({ name, perm }) => {
        if (perm === null) throw new StoreError('permission-not-given')
        const access = accesses[perm.permType]
        if (access === undefined) throw new StoreError('invalid-auth-management')
        const permission = { access, ...rangeOf(perm.key, perm.rangeEnd) }
        return { action: 'roleGrantPermission', role: name, permission }
      },
      messages.AuthRoleGrantPermissionResponse,
      header,
    ),
    method(
      'RoleRevokePermission',
      messages.AuthRoleRevokePermissionRequest,
      ({ role, key, rangeEnd }) => ({
        action: 'roleRevokePermission',
        role,
        range: rangeOf(key, rangeEnd),
      }),
      messages.AuthRoleRevokePermissionResponse,
      header,
    ),
  ]
}

function rangeOf(key: Uint8Array, end: Uint8Array): KeyRange {
  return end.length === 0 ? { key } : { key, end }
}

function hashOf(hashedPassword: string): { readonly passwordHash?: string } {
  return hashedPassword === '' ? {} : { passwordHash: hashedPassword }
}

function permissionMessage({ access, key, end }: Permission) {
  return { permType: accesses.indexOf(access), key, rangeEnd: end }
}
