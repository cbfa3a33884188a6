// A role for each controller, bound to the account of its name in kube-system, and the one role by
// which our own controller manager, a single identity, runs them all. Counterpart:
// bootstrappolicy/controller_policy.go. Data.

import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../types/rbac.js'
import {
  account,
  clusterBindingOf,
  clusterRoleOf,
  eventsRule,
  rule,
  user,
} from './policy-builders.js'

const podsOf = (verbs: string): PolicyRule => rule(verbs, 'core', 'pods')
const disks = 'persistentvolumeclaims persistentvolumes'
const revisions = rule('READ create delete patch update', 'apps', 'controllerrevisions')
const slices = rule('create delete get list update', 'discovery.k8s.io', 'endpointslices')
const oldApps = 'apps extensions'
const signers =
  'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown'

const rulesOfController: Readonly<Record<string, readonly PolicyRule[]>> = {
  'attachdetach-controller': [
    rule('list watch', 'core', disks),
    rule('READ', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    podsOf('list watch'),
    eventsRule,
    rule('READ create delete', 'storage.k8s.io', 'volumeattachments'),
    rule('READ', 'storage.k8s.io', 'csidrivers'),
    rule('READ', 'storage.k8s.io', 'csinodes'),
  ],
  'certificate-controller': [
    rule('READ delete', 'certificates.k8s.io', 'certificatesigningrequests'),
    rule(
      'update',
      'certificates.k8s.io',
      'certificatesigningrequests/approval certificatesigningrequests/status',
    ),
    rule(
      'approve',
      'certificates.k8s.io',
      'signers',
      'kubernetes.io/kube-apiserver-client-kubelet',
    ),
    rule('sign', 'certificates.k8s.io', 'signers', signers),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    eventsRule,
  ],
  'clusterrole-aggregation-controller': [
    rule('escalate READ patch update', 'rbac.authorization.k8s.io', 'clusterroles'),
  ],
  'cronjob-controller': [
    rule('READ update', 'batch', 'cronjobs'),
    rule('READ create delete patch update', 'batch', 'jobs'),
    rule('update', 'batch', 'cronjobs/status'),
    rule('update', 'batch', 'cronjobs/finalizers'),
    podsOf('delete list'),
    eventsRule,
  ],
  'daemon-set-controller': [
    rule('READ', oldApps, 'daemonsets'),
    rule('update', oldApps, 'daemonsets/status'),
    rule('update', oldApps, 'daemonsets/finalizers'),
    rule('list watch', 'core', 'nodes'),
    podsOf('create delete list patch watch'),
    rule('create', 'core', 'pods/binding'),
    revisions,
    eventsRule,
  ],
  'deployment-controller': [
    rule('READ update', oldApps, 'deployments'),
    rule('update', oldApps, 'deployments/status'),
    rule('update', oldApps, 'deployments/finalizers'),
    rule('READ create delete patch update', oldApps, 'replicasets'),
    podsOf('READ update'),
    eventsRule,
  ],
  'disruption-controller': [
    rule('READ', oldApps, 'deployments'),
    rule('READ', oldApps, 'replicasets'),
    rule('READ', 'core', 'replicationcontrollers'),
    rule('READ', 'policy', 'poddisruptionbudgets'),
    rule('READ', 'apps', 'statefulsets'),
    rule('update', 'policy', 'poddisruptionbudgets/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('get', '*', '*/scale'),
    eventsRule,
  ],
  'endpoint-controller': [
    rule('READ', 'core', 'pods services'),
    rule('create delete get list update', 'core', 'endpoints'),
    rule('create', 'core', 'endpoints/restricted'),
    eventsRule,
  ],
  'endpointslice-controller': [
    rule('READ', 'core', 'nodes pods services'),
    rule('update', 'core', 'services/finalizers'),
    slices,
    eventsRule,
  ],
  'endpointslicemirroring-controller': [
    rule('READ', 'core', 'endpoints services'),
    rule('update', 'core', 'services/finalizers'),
    rule('update', 'core', 'endpoints/finalizers'),
    slices,
    eventsRule,
  ],
  'ephemeral-volume-controller': [
    podsOf('READ'),
    rule('update', 'core', 'pods/finalizers'),
    rule('READ create', 'core', 'persistentvolumeclaims'),
    eventsRule,
  ],
  'expand-controller': [
    rule('READ patch update', 'core', 'persistentvolumes'),
    rule('patch update', 'core', 'persistentvolumeclaims/status'),
    rule('READ', 'core', 'persistentvolumeclaims'),
    rule('READ', 'storage.k8s.io', 'storageclasses'),
    rule('get', 'core', 'endpoints services'),
    rule('get', 'core', 'secrets'),
    eventsRule,
  ],
  'generic-garbage-collector': [rule('READ delete patch update', '*', '*'), eventsRule],
  'horizontal-pod-autoscaler': [
    rule('READ', 'autoscaling', 'horizontalpodautoscalers'),
    rule('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    rule('get update', '*', '*/scale'),
    podsOf('list'),
    rule('list', 'metrics.k8s.io', 'pods'),
    rule('get list', 'custom.metrics.k8s.io', '*'),
    rule('get list', 'external.metrics.k8s.io', '*'),
    eventsRule,
  ],
  'job-controller': [
    rule('READ patch update', 'batch', 'jobs'),
    rule('update', 'batch', 'jobs/status'),
    rule('update', 'batch', 'jobs/finalizers'),
    podsOf('create delete list patch watch'),
    eventsRule,
  ],
  'legacy-service-account-token-cleaner': [
    rule('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    rule('delete patch', 'core', 'secrets'),
  ],
  'namespace-controller': [
    rule('READ delete', 'core', 'namespaces'),
    rule('update', 'core', 'namespaces/finalize namespaces/status'),
    rule('delete deletecollection get list', '*', '*'),
  ],
  'node-controller': [
    rule('delete get list patch update', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('patch update', 'core', 'pods/status'),
    podsOf('delete get list'),
    eventsRule,
    podsOf('get list'),
  ],
  'persistent-volume-binder': [
    rule('READ create delete update', 'core', 'persistentvolumes'),
    rule('update', 'core', 'persistentvolumes/status'),
    rule('READ update', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'),
    podsOf('READ create delete'),
    rule('READ', 'storage.k8s.io', 'storageclasses'),
    rule('create delete get update', 'core', 'endpoints'),
    rule('create delete get', 'core', 'services'),
    rule('get', 'core', 'secrets'),
    rule('get list', 'core', 'nodes'),
    rule('watch', 'core', 'events'),
    eventsRule,
  ],
  'pod-garbage-collector': [
    podsOf('delete list watch'),
    rule('get list', 'core', 'nodes'),
    rule('patch', 'core', 'pods/status'),
  ],
  'pv-protection-controller': [rule('READ update', 'core', 'persistentvolumes'), eventsRule],
  'pvc-protection-controller': [
    rule('READ update', 'core', 'persistentvolumeclaims'),
    podsOf('READ'),
    eventsRule,
  ],
  'replicaset-controller': [
    rule('READ update', oldApps, 'replicasets'),
    rule('update', oldApps, 'replicasets/status'),
    rule('update', oldApps, 'replicasets/finalizers'),
    podsOf('create delete list patch watch'),
    eventsRule,
  ],
  'replication-controller': [
    rule('READ update', 'core', 'replicationcontrollers'),
    rule('update', 'core', 'replicationcontrollers/status'),
    rule('update', 'core', 'replicationcontrollers/finalizers'),
    podsOf('create delete list patch watch'),
    eventsRule,
  ],
  'resourcequota-controller': [
    rule('list watch', '*', '*'),
    rule('get', 'core', 'resourcequotas'),
    rule('update', 'core', 'resourcequotas/status'),
    eventsRule,
  ],
  'root-ca-cert-publisher': [rule('create update', 'core', 'configmaps'), eventsRule],
  'route-controller': [
    rule('list watch', 'core', 'nodes'),
    rule('patch', 'core', 'nodes/status'),
    eventsRule,
  ],
  'service-account-controller': [rule('create', 'core', 'serviceaccounts'), eventsRule],
  'service-cidrs-controller': [
    rule('READ patch update', 'networking.k8s.io', 'servicecidrs'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/finalizers'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/status'),
    rule('READ', 'networking.k8s.io', 'ipaddresses'),
    eventsRule,
  ],
  'service-controller': [
    rule('READ', 'core', 'services'),
    rule('patch update', 'core', 'services/status'),
    rule('list watch', 'core', 'nodes'),
    eventsRule,
  ],
  'statefulset-controller': [
    podsOf('list watch'),
    rule('READ', 'apps', 'statefulsets'),
    rule('update', 'apps', 'statefulsets/status'),
    rule('update', 'apps', 'statefulsets/finalizers'),
    podsOf('create delete get patch update'),
    revisions,
    rule('create get', 'core', 'persistentvolumeclaims'),
    eventsRule,
    rule('delete update', 'core', 'persistentvolumeclaims'),
  ],
  'ttl-after-finished-controller': [rule('READ delete', 'batch', 'jobs'), eventsRule],
  'ttl-controller': [rule('list patch update watch', 'core', 'nodes'), eventsRule],
  'validatingadmissionpolicy-status-controller': [
    rule('READ', 'admissionregistration.k8s.io', 'validatingadmissionpolicies'),
    rule('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'),
    eventsRule,
  ],
}

const prefix = 'system:controller:'

export const controllerRoles: readonly ClusterRole[] = Object.entries(rulesOfController).map(
  ([name, rules]) => clusterRoleOf(`${prefix}${name}`, rules),
)

/** Done by the API servers themselves: the right to escalate stays where it is. */
const notOurs = new Set(['clusterrole-aggregation-controller'])

/**
 * To the accounts that these controllers have elsewhere, and to the one identity under which ours
 * run. Whoever has the manager's key can thereby do what any controller can, and not more.
 */
export const controllerBindings: readonly ClusterRoleBinding[] = Object.keys(
  rulesOfController,
).flatMap(name => [
  clusterBindingOf(`${prefix}${name}`, [account(name)]),
  ...(notOurs.has(name)
    ? []
    : [
        clusterBindingOf(
          `${prefix}${name}`,
          [user('system:kube-controller-manager')],
          `raftsman:controller:${name}`,
        ),
      ]),
])
