// Whether a policy or a binding is about a request, and in which version. Pure.
// Counterpart: plugin/policy/matching, and kubeapiserver/admission/exclusion.

import type { Kind } from '../../../api/kind.js'
import type { KubeObject } from '../../../api/object.js'
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.js'
import type {
  MatchResources,
  NamedRuleWithOperations,
} from '../../../api/types/admission-policy.js'
import type { DynamicRequest } from '../dynamic.js'
import { matchedKind, namespaceLabels, objectMatches } from '../rule-matching.js'

/** By group and plural, in whatever version: what no policy has a say in, and no others. */
const beyondPolicies: ReadonlySet<string> = new Set([
  // They could keep those who write them from mending them. Configurations of webhooks are not among these.
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  // They change nothing, and whoever could not ask them could not mend the policy.
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
])

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
  if (beyondPolicies.has(`${request.kind.group}/${request.kind.plural}`)) return null
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
