// The types of ../schema/rbac.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LabelSelector } from './meta.js'

export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

export interface AggregationRule {
  readonly clusterRoleSelectors?: readonly LabelSelector[]
}

export interface Role extends KubeObject {
  readonly rules?: readonly PolicyRule[]
}

export interface ClusterRole extends KubeObject {
  readonly rules?: readonly PolicyRule[]
  readonly aggregationRule?: AggregationRule
}

export interface Subject {
  readonly kind: string
  readonly apiGroup?: string
  readonly name: string
  readonly namespace?: string
}

export interface RoleRef {
  readonly apiGroup?: string
  readonly kind: string
  readonly name: string
}

export interface RoleBinding extends KubeObject {
  readonly subjects?: readonly Subject[]
  readonly roleRef: RoleRef
}

export interface ClusterRoleBinding extends KubeObject {
  readonly subjects?: readonly Subject[]
  readonly roleRef: RoleRef
}
