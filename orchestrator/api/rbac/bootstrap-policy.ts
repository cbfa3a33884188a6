// All roles and bindings that a cluster begins with. Counterpart: plugin/pkg/auth/authorizer/rbac/
// bootstrappolicy, with the bindings that our own components need beside it. Data.

import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../types/rbac.js'
import { componentRoles } from './component-roles.js'
import { controllerBindings, controllerRoles } from './controller-roles.js'
import {
  account,
  bindingOf,
  clusterBindingOf,
  clusterRoleOf,
  delegationRules,
  eventsRule,
  group,
  roleOf,
  rule,
  user,
} from './policy-builders.js'
import { userRoles } from './user-roles.js'

export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[]
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
  readonly roles: readonly Role[]
  readonly roleBindings: readonly RoleBinding[]
}

const everybody = [group('system:authenticated')]
const anybody = [...everybody, group('system:unauthenticated')]
const managerUser = user('system:kube-controller-manager')
const schedulerUser = user('system:kube-scheduler')

/** Above what the original lets its manager do by itself: ours renews leases by patch, too. */
const ownRoles: readonly ClusterRole[] = [
  clusterRoleOf('raftsman:cloud-controller-manager', [
    rule('READ delete patch update', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status services/status'),
    rule('READ patch update', 'core', 'services'),
    rule('READ', 'core', 'endpoints namespaces pods'),
    rule('READ', 'discovery.k8s.io', 'endpointslices'),
    ...delegationRules,
    eventsRule,
  ]),
]

const clusterRoleBindings: readonly ClusterRoleBinding[] = [
  clusterBindingOf('cluster-admin', [group('system:masters')]),
  clusterBindingOf('system:discovery', everybody),
  clusterBindingOf('system:basic-user', everybody),
  clusterBindingOf('system:public-info-viewer', anybody),
  clusterBindingOf('system:monitoring', [group('system:monitoring')]),
  clusterBindingOf('system:node-proxier', [user('system:kube-proxy')]),
  clusterBindingOf('system:kube-controller-manager', [managerUser]),
  clusterBindingOf('system:kube-dns', [account('kube-dns')]),
  clusterBindingOf('system:kube-scheduler', [schedulerUser]),
  clusterBindingOf('system:volume-scheduler', [schedulerUser]),
  // Nodes have an authorizer of their own: the binding is there for those who look for it.
  clusterBindingOf('system:node', []),
  clusterBindingOf('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  ...controllerBindings,
  clusterBindingOf('raftsman:cloud-controller-manager', [user('system:cloud-controller-manager')]),
]

const system = 'kube-system'

function lockRole(name: string): Role {
  return roleOf(system, `system::leader-locking-${name}`, [
    rule('watch', 'core', 'configmaps'),
    rule('get update', 'core', 'configmaps', name),
    rule('create', 'coordination.k8s.io', 'leases'),
    rule('get patch update', 'coordination.k8s.io', 'leases', name),
  ])
}

const roles: readonly Role[] = [
  roleOf(system, 'extension-apiserver-authentication-reader', [
    rule('READ', 'core', 'configmaps', 'extension-apiserver-authentication'),
  ]),
  roleOf(system, 'system:controller:bootstrap-signer', [rule('READ', 'core', 'secrets')]),
  roleOf(system, 'system:controller:cloud-provider', [rule('create READ', 'core', 'configmaps')]),
  roleOf(system, 'system:controller:token-cleaner', [
    rule('READ delete', 'core', 'secrets'),
    eventsRule,
  ]),
  lockRole('kube-controller-manager'),
  lockRole('kube-scheduler'),
  lockRole('cloud-controller-manager'),
  roleOf('kube-public', 'system:controller:bootstrap-signer', [
    rule('READ', 'core', 'configmaps'),
    rule('update', 'core', 'configmaps', 'cluster-info'),
    eventsRule,
  ]),
]

const roleBindings: readonly RoleBinding[] = [
  bindingOf(
    system,
    'extension-apiserver-authentication-reader',
    [managerUser, schedulerUser],
    'system::extension-apiserver-authentication-reader',
  ),
  ...['kube-controller-manager', 'kube-scheduler', 'cloud-controller-manager'].map(name =>
    bindingOf(system, `system::leader-locking-${name}`, [user(`system:${name}`), account(name)]),
  ),
  ...['bootstrap-signer', 'cloud-provider', 'token-cleaner'].map(name =>
    bindingOf(system, `system:controller:${name}`, [account(name)]),
  ),
  bindingOf('kube-public', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]),
]

export const bootstrapPolicy: BootstrapPolicy = {
  clusterRoles: [...userRoles, ...componentRoles, ...controllerRoles, ...ownRoles],
  clusterRoleBindings,
  roles,
  roleBindings,
}
