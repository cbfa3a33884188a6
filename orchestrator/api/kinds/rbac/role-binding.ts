// RoleBindings and ClusterRoleBindings: who may do what a role says. Counterpart:
// pkg/registry/rbac/{rolebinding,clusterrolebinding}.

import { bindingDefaults } from '../../defaults/rbac.js'
import type { Kind } from '../../kind.js'
import { rbacGroup } from '../../rbac/attributes.js'
import {
  clusterRoleBinding as clusterRoleBindingSchema,
  roleBinding as roleBindingSchema,
} from '../../schema/rbac.js'
import type { RoleBinding } from '../../types/rbac.js'
import { validateBinding } from '../../validation/rbac.js'
import { ageColumn, nameColumn, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function subjectsOf({ subjects = [] }: RoleBinding, kind: string): string {
  return subjects
    .filter(subject => subject.kind === kind)
    .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
    .join(', ')
}

const shared = {
  ...ordinary,
  group: rbacGroup,
  version: 'v1',
  columns: [
    nameColumn,
    text<RoleBinding>(
      'Role',
      'The role whose rights are given.',
      ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`,
    ),
    ageColumn,
    wide<RoleBinding>('Users', 'Users who are given them.', b => subjectsOf(b, 'User')),
    wide<RoleBinding>('Groups', 'Groups that are given them.', b => subjectsOf(b, 'Group')),
    wide<RoleBinding>('ServiceAccounts', 'Accounts that are given them.', b =>
      subjectsOf(b, 'ServiceAccount'),
    ),
  ],
}

export const roleBinding: Kind = {
  ...shared,
  kind: 'RoleBinding',
  plural: 'rolebindings',
  singular: 'rolebinding',
  schema: roleBindingSchema,
  withDefaults: object => bindingDefaults(object as RoleBinding),
  validate: (object, old) =>
    validateBinding(object as RoleBinding, old as RoleBinding | null, true),
}

export const clusterRoleBinding: Kind = {
  ...shared,
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  namespaced: false,
  schema: clusterRoleBindingSchema,
  withDefaults: object => bindingDefaults(object as RoleBinding),
  validate: (object, old) =>
    validateBinding(object as RoleBinding, old as RoleBinding | null, false),
}
