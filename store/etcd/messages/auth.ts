// Messages of the Auth service. What etcd keeps of users and roles in its own database is left out.

import {
  bool,
  bytes,
  enumeration,
  manyNested,
  manyStrings,
  message,
  nested,
  string,
  uint64,
} from '../../../platform/protobuf-message.js'
import { header } from './kv.js'

export const UserAddOptions = message('authpb.UserAddOptions', { noPassword: bool(1) })

export const Permission = message('authpb.Permission', {
  permType: enumeration(1, 'Type'),
  key: bytes(2),
  rangeEnd: bytes(3),
})

export const AuthEnableRequest = message('etcdserverpb.AuthEnableRequest', {})

export const AuthDisableRequest = message('etcdserverpb.AuthDisableRequest', {})

export const AuthStatusRequest = message('etcdserverpb.AuthStatusRequest', {})

export const AuthenticateRequest = message('etcdserverpb.AuthenticateRequest', {
  name: string(1),
  password: string(2),
})

export const AuthUserAddRequest = message('etcdserverpb.AuthUserAddRequest', {
  name: string(1),
  password: string(2),
  options: nested(3, () => UserAddOptions),
  hashedPassword: string(4),
})

export const AuthUserGetRequest = message('etcdserverpb.AuthUserGetRequest', { name: string(1) })

export const AuthUserDeleteRequest = message('etcdserverpb.AuthUserDeleteRequest', {
  name: string(1),
})

export const AuthUserChangePasswordRequest = message('etcdserverpb.AuthUserChangePasswordRequest', {
  name: string(1),
  password: string(2),
  hashedPassword: string(3),
})

export const AuthUserGrantRoleRequest = message('etcdserverpb.AuthUserGrantRoleRequest', {
  user: string(1),
  role: string(2),
})

export const AuthUserRevokeRoleRequest = message('etcdserverpb.AuthUserRevokeRoleRequest', {
  name: string(1),
  role: string(2),
})

export const AuthRoleAddRequest = message('etcdserverpb.AuthRoleAddRequest', { name: string(1) })

export const AuthRoleGetRequest = message('etcdserverpb.AuthRoleGetRequest', { role: string(1) })

export const AuthUserListRequest = message('etcdserverpb.AuthUserListRequest', {})

export const AuthRoleListRequest = message('etcdserverpb.AuthRoleListRequest', {})

export const AuthRoleDeleteRequest = message('etcdserverpb.AuthRoleDeleteRequest', {
  role: string(1),
})

export const AuthRoleGrantPermissionRequest = message(
  'etcdserverpb.AuthRoleGrantPermissionRequest',
  { name: string(1), perm: nested(2, () => Permission) },
)

export const AuthRoleRevokePermissionRequest = message(
  'etcdserverpb.AuthRoleRevokePermissionRequest',
  { role: string(1), key: bytes(2), rangeEnd: bytes(3) },
)

export const AuthEnableResponse = message('etcdserverpb.AuthEnableResponse', { header })

export const AuthDisableResponse = message('etcdserverpb.AuthDisableResponse', { header })

export const AuthStatusResponse = message('etcdserverpb.AuthStatusResponse', {
  header,
  enabled: bool(2),
  authRevision: uint64(3),
})

export const AuthenticateResponse = message('etcdserverpb.AuthenticateResponse', {
  header,
  token: string(2),
})

export const AuthUserAddResponse = message('etcdserverpb.AuthUserAddResponse', { header })

export const AuthUserGetResponse = message('etcdserverpb.AuthUserGetResponse', {
  header,
  roles: manyStrings(2),
})

export const AuthUserDeleteResponse = message('etcdserverpb.AuthUserDeleteResponse', { header })

export const AuthUserChangePasswordResponse = message(
  'etcdserverpb.AuthUserChangePasswordResponse',
  { header },
)

export const AuthUserGrantRoleResponse = message('etcdserverpb.AuthUserGrantRoleResponse', {
  header,
})

export const AuthUserRevokeRoleResponse = message('etcdserverpb.AuthUserRevokeRoleResponse', {
  header,
})

export const AuthRoleAddResponse = message('etcdserverpb.AuthRoleAddResponse', { header })

export const AuthRoleGetResponse = message('etcdserverpb.AuthRoleGetResponse', {
  header,
  perm: manyNested(2, () => Permission),
})

export const AuthRoleListResponse = message('etcdserverpb.AuthRoleListResponse', {
  header,
  roles: manyStrings(2),
})

export const AuthUserListResponse = message('etcdserverpb.AuthUserListResponse', {
  header,
  users: manyStrings(2),
})

export const AuthRoleDeleteResponse = message('etcdserverpb.AuthRoleDeleteResponse', { header })

export const AuthRoleGrantPermissionResponse = message(
  'etcdserverpb.AuthRoleGrantPermissionResponse',
  { header },
)

export const AuthRoleRevokePermissionResponse = message(
  'etcdserverpb.AuthRoleRevokePermissionResponse',
  { header },
)
