// Roles and ClusterRoles: what may be done. Counterpart: pkg/registry/rbac/{role,clusterrole}.

import type { Kind } from '../../kind.js'
import { rbacGroup } from '../../rbac/attributes.js'
import { clusterRole as clusterRoleSchema, role as roleSchema } from '../../schema/rbac.js'
import { validateClusterRole, validateRole } from '../../validation/rbac.js'
import { createdAtColumn, nameColumn } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const shared = {
  ...ordinary,
  group: rbacGroup,
  version: 'v1',
  columns: [nameColumn, createdAtColumn],
}

export const role: Kind = {
  ...shared,
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  schema: roleSchema,
  validate: object => validateRole(object),
}

export const clusterRole: Kind = {
  ...shared,
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  namespaced: false,
  schema: clusterRoleSchema,
  validate: object => validateClusterRole(object),
}
