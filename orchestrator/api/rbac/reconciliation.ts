// How the stored roles and bindings are brought up to what a new release expects: what is missing is
// added, what users added is kept, and what they took out of the automatic care stays as it is.
// Counterpart: pkg/kubectl/auth reconcile of k8s.io/component-helpers and rbac storage. Pure.

import { sameJson } from '../equality.js'
import type { KubeObject } from '../object.js'
import type { ClusterRole, PolicyRule, RoleBinding } from '../types/rbac.js'
import { missingRights } from './escalation.js'
import { autoUpdateAnnotation } from './policy-builders.js'

export type Reconciliation<T> =
  | { readonly kind: 'keep' }
  | { readonly kind: 'update'; readonly object: T }
  /** A binding's role cannot be changed: it has to be made anew. */
  | { readonly kind: 'recreate'; readonly object: T }

const keep = { kind: 'keep' } as const

export function reconcileRole(
  current: ClusterRole,
  expected: ClusterRole,
): Reconciliation<ClusterRole> {
  if (isKeptByHand(current)) return keep
  const aggregated = expected.aggregationRule !== undefined
  const rules = aggregated
    ? (current.rules ?? [])
    : withMissingRules(current.rules ?? [], expected.rules ?? [])
  const selectors = current.aggregationRule?.clusterRoleSelectors ?? []
  const wanted = (expected.aggregationRule?.clusterRoleSelectors ?? []).filter(
    selector => !selectors.some(known => sameJson(known, selector)),
  )
  const object: ClusterRole = {
    ...withMetadataOf(current, expected),
    rules,
    ...(aggregated ? { aggregationRule: { clusterRoleSelectors: [...selectors, ...wanted] } } : {}),
  }
  return sameJson(object, current) ? keep : { kind: 'update', object }
}

/** Rules that only say again what is granted already are left out. */
function withMissingRules(
  current: readonly PolicyRule[],
  expected: readonly PolicyRule[],
): readonly PolicyRule[] {
  return [...current, ...missingRights(current, expected)]
}

export function reconcileBinding(
  current: RoleBinding,
  expected: RoleBinding,
): Reconciliation<RoleBinding> {
  if (isKeptByHand(current)) return keep
  if (!sameJson(current.roleRef, expected.roleRef)) return { kind: 'recreate', object: expected }
  const subjects = current.subjects ?? []
  const missing = (expected.subjects ?? []).filter(
    subject => !subjects.some(known => sameJson(known, subject)),
  )
  const object: RoleBinding = {
    ...withMetadataOf(current, expected),
    ...(subjects.length + missing.length === 0 ? {} : { subjects: [...subjects, ...missing] }),
  }
  return sameJson(object, current) ? keep : { kind: 'update', object }
}

function isKeptByHand({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[autoUpdateAnnotation] === 'false'
}

/** What the object says of itself counts; what it does not say is added. */
function withMetadataOf<T extends KubeObject>(current: T, expected: T): T {
  const { labels, annotations } = current.metadata
  const metadata = {
    ...current.metadata,
    labels: { ...expected.metadata.labels, ...labels },
    annotations: { ...expected.metadata.annotations, ...annotations },
  }
  return { ...current, metadata }
}
