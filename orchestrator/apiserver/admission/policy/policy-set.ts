// The policies of a cluster with their bindings, in the order in which they are asked. Pure.

import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/types/admission-policy.js'

export interface BoundPolicy<P, B> {
  readonly policy: P
  /** Not empty: a policy without one says nothing. */
  readonly bindings: readonly B[]
}

export type BoundValidating = BoundPolicy<
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding
>
export type BoundMutating = BoundPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>

interface Named {
  readonly metadata: { readonly name?: string }
}

export function boundPolicies<
  P extends Named,
  B extends Named & { readonly spec?: { readonly policyName?: string } },
>(policies: readonly P[], bindings: readonly B[]): readonly BoundPolicy<P, B>[] {
  return byName(policies).flatMap(policy => {
    const own = byName(bindings).filter(({ spec }) => spec?.policyName === policy.metadata.name)
    return own.length === 0 ? [] : [{ policy, bindings: own }]
  })
}

function byName<T extends Named>(list: readonly T[]): readonly T[] {
  const nameOf = ({ metadata: { name = '' } }: T) => name
  return list.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}
