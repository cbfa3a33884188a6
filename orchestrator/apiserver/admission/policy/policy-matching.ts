// Whether a policy or a binding is about a request, and in which version. Pure.
// Counterpart: plugin/policy/matching.

import type { Kind } from '../../../api/kind.js'
import type { KubeObject } from '../../../api/object.js'
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.js'
import type {
  MatchResources,
  NamedRuleWithOperations,
} from '../../../api/types/admission-policy.js'
import type { DynamicRequest } from '../dynamic.js'
import { matchedKind, namespaceLabels, objectMatches } from '../rule-matching.js'

const registration = 'admissionregistration.k8s.io'
const reviews: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io'])

/** Policies could keep those who write them from mending them; and reviews change nothing. */
function isBeyondPolicies({ kind }: DynamicRequest): boolean {
  return kind.group === registration || reviews.has(kind.group)
}

export interface Surroundings {
  /** Kinds that the request may be taken as; those of other objects do no harm. */
  readonly served: readonly Kind[]
  readonly namespace: (name: string) => KubeObject | null
}

/** The version in which it matches; null where it does not. */
export function matchingKind(
  matching: MatchResources,
  request: DynamicRequest,
  { served, namespace }: Surroundings,
): Kind | null {
  if (isBeyondPolicies(request)) return null
  const { resourceRules = [], excludeResourceRules = [], matchPolicy = 'Equivalent' } = matching
  const found = (rules: readonly NamedRuleWithOperations[]) =>
    matchedKind(named(rules, request.name), matchPolicy, request, served)
  const matched = resourceRules.length === 0 ? request.requestKind : found(resourceRules)
  if (matched === null || found(excludeResourceRules) !== null) return null
  const objects = labelSelectorFromObject(matching.objectSelector) ?? []
  if (!objectMatches(objects, request)) return null
  const selector = labelSelectorFromObject(matching.namespaceSelector) ?? []
  if (selector.length === 0) return matched
  const labels = namespaceLabels(request, namespace)
  // One that is not there refuses the request by itself.
  if (labels === null || labels === 'missing') return matched
  return matchesLabels(selector, labels) ? matched : null
}

function named(
  rules: readonly NamedRuleWithOperations[],
  name: string,
): readonly NamedRuleWithOperations[] {
  return rules.filter(({ resourceNames = [] }) => {
    return resourceNames.length === 0 || resourceNames.includes(name)
  })
}
