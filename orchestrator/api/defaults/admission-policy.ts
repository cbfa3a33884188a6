// Counterpart: the defaults of MatchResources and of the policies in
// pkg/apis/admissionregistration/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../types/admission-policy.js'

function rules(given: readonly NamedRuleWithOperations[]): readonly NamedRuleWithOperations[] {
  return given.map(rule => ({ ...rule, scope: rule.scope ?? '*' }))
}

function matching(given: MatchResources): MatchResources {
  const { resourceRules, excludeResourceRules } = given
  return {
    ...given,
    namespaceSelector: given.namespaceSelector ?? {},
    objectSelector: given.objectSelector ?? {},
    ...(resourceRules === undefined ? {} : { resourceRules: rules(resourceRules) }),
    ...(excludeResourceRules === undefined
      ? {}
      : { excludeResourceRules: rules(excludeResourceRules) }),
    matchPolicy: given.matchPolicy ?? 'Equivalent',
  }
}

export function policyDefaults(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as ValidatingAdmissionPolicy | MutatingAdmissionPolicy
  if (spec === undefined) return object
  const { matchConstraints, failurePolicy = 'Fail' } = spec
  const complete = {
    ...spec,
    ...(matchConstraints === undefined ? {} : { matchConstraints: matching(matchConstraints) }),
    failurePolicy,
  }
  const defaulted: ValidatingAdmissionPolicy = { ...rest, spec: complete }
  return defaulted
}

export function policyBindingDefaults(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as
    | ValidatingAdmissionPolicyBinding
    | MutatingAdmissionPolicyBinding
  const { matchResources } = spec ?? {}
  if (matchResources === undefined) return object
  const defaulted: MutatingAdmissionPolicyBinding = {
    ...rest,
    spec: { ...spec, matchResources: matching(matchResources) },
  }
  return defaulted
}
