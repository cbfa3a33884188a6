// The rules of a ClusterRole that is put together from others by their labels. Counterpart:
// pkg/controller/clusterroleaggregation. Pure.

import { sameJson } from '../equality.js'
import { labelSelectorFromObject, matchesLabels } from '../selectors.js'
import type { ClusterRole, PolicyRule } from '../types/rbac.js'

/** Null for a role that aggregates nothing, and for one whose rules are as they should be. */
export function aggregatedRules(
  role: ClusterRole,
  all: readonly ClusterRole[],
): readonly PolicyRule[] | null {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? []
  if (role.aggregationRule === undefined) return null
  const rules: PolicyRule[] = []
  const sorted = all.toSorted((a, b) =>
    (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1,
  )
  for (const object of selectors) {
    const selector = labelSelectorFromObject(object)
    // One that cannot be understood selects nothing.
    if (selector === null) continue
    for (const other of sorted) {
      const itself = other.metadata.name === role.metadata.name
      if (itself || !matchesLabels(selector, other.metadata.labels ?? {})) continue
      for (const rule of other.rules ?? []) {
        if (!rules.some(known => sameJson(known, rule))) rules.push(rule)
      }
    }
  }
  return sameJson(rules, role.rules ?? []) ? null : rules
}
