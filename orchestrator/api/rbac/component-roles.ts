// The roles of the cluster's own components: nodes, scheduler, controller manager, proxies, and
// those who approve certificates. Counterpart: the other half of bootstrappolicy/policy.go. Data.

import type { ClusterRole, PolicyRule } from '../types/rbac.js'
import { clusterRoleOf, delegationRules, eventsRule, rule } from './policy-builders.js'

/**
 * What a node may ask for. That it only gets what concerns its own pods is the node authorizer's
 * and admission's work; the role itself is bound to nobody.
 */
export const nodeRules: readonly PolicyRule[] = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
  rule('READ', 'core', 'services'),
  rule('create READ', 'core', 'nodes'),
  rule('patch update', 'core', 'nodes/status'),
  rule('patch update', 'core', 'nodes'),
  rule('create patch update', 'core events.k8s.io', 'events'),
  rule('READ', 'core', 'pods'),
  rule('create delete', 'core', 'pods'),
  rule('patch update', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule('READ', 'core', 'configmaps secrets'),
  rule('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule('create READ', 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('create delete get patch update', 'coordination.k8s.io', 'leases'),
  rule('get', 'storage.k8s.io', 'volumeattachments'),
  rule('get patch update', 'core', 'persistentvolumeclaims/status'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('READ', 'storage.k8s.io', 'csidrivers'),
  rule('create delete get patch update', 'storage.k8s.io', 'csinodes'),
  rule('READ', 'node.k8s.io', 'runtimeclasses'),
]

/** What a proxy needs; our node process is one too. */
export const proxierRules: readonly PolicyRule[] = [
  rule('list watch', 'core', 'endpoints services'),
  rule('READ', 'core', 'nodes'),
  eventsRule,
  rule('list watch', 'discovery.k8s.io', 'endpointslices'),
  rule('list watch', 'networking.k8s.io', 'servicecidrs'),
]

/** What our node process asks beyond a kubelet and a proxy: it keeps to NetworkPolicies, and answers names. */
export const nodeNetworkRules: readonly PolicyRule[] = [
  rule('list watch', 'networking.k8s.io', 'networkpolicies'),
  rule('list watch', 'core', 'namespaces'),
]

function leaseRules(name: string): readonly PolicyRule[] {
  return [
    rule('create', 'coordination.k8s.io', 'leases'),
    rule('get update', 'coordination.k8s.io', 'leases', name),
  ]
}

const scheduler: readonly PolicyRule[] = [
  eventsRule,
  ...leaseRules('kube-scheduler'),
  rule('READ', 'core', 'nodes'),
  rule('READ delete', 'core', 'pods'),
  rule('create', 'core', 'bindings pods/binding'),
  rule('patch update', 'core', 'pods/status'),
  rule('READ', 'core', 'replicationcontrollers services'),
  rule('READ', 'apps extensions', 'replicasets'),
  rule('READ', 'apps', 'statefulsets'),
  rule('READ', 'policy', 'poddisruptionbudgets'),
  rule('READ', 'core', 'persistentvolumeclaims persistentvolumes'),
  ...delegationRules,
  rule('READ', 'storage.k8s.io', 'csinodes'),
  rule('READ', 'core', 'namespaces'),
  rule('READ', 'storage.k8s.io', 'csidrivers'),
  rule('READ', 'storage.k8s.io', 'csistoragecapacities'),
  rule('READ', 'storage.k8s.io', 'volumeattachments'),
  // Of gangs; a kind that users bring along.
  rule('get', 'scheduling.x-k8s.io', 'podgroups'),
]

const controllerManager: readonly PolicyRule[] = [
  eventsRule,
  ...leaseRules('kube-controller-manager'),
  rule('create', 'core', 'secrets serviceaccounts'),
  rule('delete', 'core', 'secrets'),
  rule('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
  rule('update', 'core', 'secrets serviceaccounts'),
  ...delegationRules,
  rule('list watch', '*', '*'),
  rule('create', 'core', 'serviceaccounts/token'),
]

const approvers = [
  ['kube-apiserver-client-approver', 'kubernetes.io/kube-apiserver-client'],
  ['kube-apiserver-client-kubelet-approver', 'kubernetes.io/kube-apiserver-client-kubelet'],
  ['kubelet-serving-approver', 'kubernetes.io/kubelet-serving'],
  ['legacy-unknown-approver', 'kubernetes.io/legacy-unknown'],
] as const

export const componentRoles: readonly ClusterRole[] = [
  clusterRoleOf('system:node', nodeRules),
  clusterRoleOf('system:node-proxier', proxierRules),
  clusterRoleOf('system:node-problem-detector', [
    rule('get', 'core', 'nodes'),
    rule('patch', 'core', 'nodes/status'),
    eventsRule,
  ]),
  clusterRoleOf('system:node-bootstrapper', [
    rule('create READ', 'certificates.k8s.io', 'certificatesigningrequests'),
  ]),
  clusterRoleOf('system:kubelet-api-admin', [
    rule('READ', 'core', 'nodes'),
    rule('proxy', 'core', 'nodes'),
    rule(
      '*',
      'core',
      'nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats',
    ),
  ]),
  clusterRoleOf('system:auth-delegator', delegationRules),
  clusterRoleOf('system:kube-aggregator', [rule('READ', 'core', 'endpoints services')]),
  clusterRoleOf('system:kube-controller-manager', controllerManager),
  clusterRoleOf('system:kube-dns', [rule('list watch', 'core', 'endpoints services')]),
  clusterRoleOf('system:kube-scheduler', scheduler),
  clusterRoleOf('system:volume-scheduler', [
    rule('READ patch update', 'core', 'persistentvolumes'),
    rule('READ', 'storage.k8s.io', 'storageclasses'),
    rule('READ patch update', 'core', 'persistentvolumeclaims'),
  ]),
  clusterRoleOf('system:persistent-volume-provisioner', [
    rule('READ create delete', 'core', 'persistentvolumes'),
    rule('READ update', 'core', 'persistentvolumeclaims'),
    rule('READ', 'storage.k8s.io', 'storageclasses'),
    rule('watch', 'core', 'events'),
    eventsRule,
  ]),
  ...['nodeclient', 'selfnodeclient'].map(name =>
    clusterRoleOf(`system:certificates.k8s.io:certificatesigningrequests:${name}`, [
      rule('create', 'certificates.k8s.io', `certificatesigningrequests/${name}`),
    ]),
  ),
  ...approvers.map(([name, signer]) =>
    clusterRoleOf(`system:certificates.k8s.io:${name}`, [
      rule('approve', 'certificates.k8s.io', 'signers', signer),
    ]),
  ),
]
