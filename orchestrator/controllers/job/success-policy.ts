// When an Indexed Job has succeeded enough, though not all of it has. Pure.
// Counterpart: success_policy.go of pkg/controller/job.

import {
  countIndexes,
  countShared,
  type IndexInterval,
  parseIndexes,
} from '../../api/job-indexes.js'
import type { Job, SuccessPolicyRule } from '../../api/types/batch.js'

/** Which rule is met, in words; null when none is. */
export function metSuccessPolicy(
  { spec }: Job,
  succeeded: readonly IndexInterval[],
): string | null {
  if (succeeded.length === 0) return null
  const rules = spec.successPolicy?.rules ?? []
  const met = rules.findIndex(rule => isMet(rule, spec.completions ?? 0, succeeded))
  return met === -1 ? null : `Matched rules at index ${met}`
}

function isMet(
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  completions: number,
  succeeded: readonly IndexInterval[],
): boolean {
  if (succeededIndexes === undefined) {
    return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount
  }
  const named = parseIndexes(succeededIndexes, completions)
  // Of no index nobody can say that it has succeeded.
  if ('problem' in named || named.count === 0) return false
  return countShared(named.intervals, succeeded) >= (succeededCount ?? named.count)
}
