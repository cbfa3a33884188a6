// Roles and their bindings.
// Counterpart: rbac/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, list, pointer, string, struct, typeMeta } from '../schema.js'

export const policyRule: StructSchema = struct('io.k8s.api.rbac.v1.PolicyRule', {
  verbs: always(1, list(string), { required: true }),
  apiGroups: field(2, list(string)),
  resources: field(3, list(string)),
  resourceNames: field(4, list(string)),
  nonResourceURLs: field(5, list(string)),
})

export const aggregationRule: StructSchema = struct('io.k8s.api.rbac.v1.AggregationRule', {
  clusterRoleSelectors: field(1, list(labelSelector)),
})

export const role: StructSchema = struct(
  'io.k8s.api.rbac.v1.Role',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    rules: always(2, list(policyRule)),
  },
  { description: 'What may be done within one namespace.' },
)

export const clusterRole: StructSchema = struct(
  'io.k8s.api.rbac.v1.ClusterRole',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    rules: always(2, list(policyRule)),
    aggregationRule: pointer(3, aggregationRule),
  },
  { description: 'What may be done, wherever it is bound.' },
)

export const subject: StructSchema = struct(
  'io.k8s.api.rbac.v1.Subject',
  {
    kind: always(1, string, { required: true }),
    apiGroup: field(2, string),
    name: always(3, string, { required: true }),
    namespace: field(4, string),
  },
  { atomic: true },
)

export const roleRef: StructSchema = struct(
  'io.k8s.api.rbac.v1.RoleRef',
  {
    apiGroup: always(1, string),
    kind: always(2, string, { required: true }),
    name: always(3, string, { required: true }),
  },
  { atomic: true },
)

export const roleBinding: StructSchema = struct(
  'io.k8s.api.rbac.v1.RoleBinding',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    subjects: field(2, list(subject)),
    roleRef: always(3, roleRef, { required: true }),
  },
  { description: 'Who may do within one namespace what a role says.' },
)

export const clusterRoleBinding: StructSchema = struct(
  'io.k8s.api.rbac.v1.ClusterRoleBinding',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    subjects: field(2, list(subject)),
    roleRef: always(3, roleRef, { required: true }),
  },
  { description: 'Who may do everywhere what a ClusterRole says.' },
)
