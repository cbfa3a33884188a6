// The roles that people are given: cluster-admin, admin, edit and view, and what everybody may do.
// Counterpart: the user-facing half of bootstrappolicy/policy.go. Data; `extensions` stays in it,
// because roles that users copied from there must not become an escalation.

import type { ClusterRole } from '../types/rbac.js'
import { aggregateOf, clusterRoleOf, rule, urlRule } from './policy-builders.js'

const health = '/healthz /livez /readyz /version /version/'

const viewable: ClusterRole = clusterRoleOf(
  'system:aggregate-to-view',
  [
    rule(
      'READ',
      'core',
      'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
    ),
    rule(
      'READ',
      'core',
      'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
    ),
    rule('READ', 'core', 'namespaces'),
    rule('READ', 'discovery.k8s.io', 'endpointslices'),
    rule(
      'READ',
      'apps',
      'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
    ),
    rule('READ', 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
    rule('READ', 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
    rule(
      'READ',
      'extensions',
      'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
    ),
    rule('READ', 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
    rule('READ', 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  ],
  'view',
)

const editable: ClusterRole = clusterRoleOf(
  'system:aggregate-to-edit',
  [
    rule(
      'READ',
      'core',
      'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy',
    ),
    rule('impersonate', 'core', 'serviceaccounts'),
    rule('WRITE', 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
    rule('create', 'core', 'pods/eviction'),
    rule(
      'WRITE',
      'core',
      'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
    ),
    rule('create', 'core', 'serviceaccounts/token'),
    rule(
      'WRITE',
      'apps',
      'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
    ),
    rule('WRITE', 'autoscaling', 'horizontalpodautoscalers'),
    rule('WRITE', 'batch', 'cronjobs jobs'),
    rule(
      'WRITE',
      'extensions',
      'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
    ),
    rule('WRITE', 'policy', 'poddisruptionbudgets'),
    rule('WRITE', 'networking.k8s.io', 'ingresses networkpolicies'),
    rule('WRITE READ', 'coordination.k8s.io', 'leases'),
  ],
  'edit',
)

const administrable: ClusterRole = clusterRoleOf(
  'system:aggregate-to-admin',
  [
    rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
    rule('WRITE READ', 'rbac.authorization.k8s.io', 'rolebindings roles'),
  ],
  'admin',
)

export const userRoles: readonly ClusterRole[] = [
  clusterRoleOf('cluster-admin', [rule('*', '*', '*'), urlRule('*', '*')]),
  aggregateOf('admin', null),
  aggregateOf('edit', 'admin'),
  aggregateOf('view', 'edit'),
  administrable,
  editable,
  viewable,
  clusterRoleOf('system:discovery', [
    urlRule('get', `/api /api/* /apis /apis/* /openapi /openapi/* ${health}`),
  ]),
  clusterRoleOf('system:public-info-viewer', [urlRule('get', health)]),
  clusterRoleOf('system:monitoring', [
    urlRule('get', '/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*'),
  ]),
  clusterRoleOf('system:basic-user', [
    rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ]),
  clusterRoleOf('system:service-account-issuer-discovery', [
    urlRule(
      'get',
      '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ),
  ]),
]
