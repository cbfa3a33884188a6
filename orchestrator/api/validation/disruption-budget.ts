// Checks of PodDisruptionBudgets. Counterpart: pkg/apis/policy/validation.

import type { IntOrString } from '../int-or-string.js'
import { percentOf } from '../int-or-string.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import type { PodDisruptionBudget } from '../types/policy-disruption-budget.js'
import { invalidValue, notSupported } from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import { validateCount, validateShare } from './workload-parts.js'

function validateAmount(value: IntOrString | undefined, field: string): FieldError[] {
  if (value === undefined) return []
  const errors = validateShare(value, field)
  if ((percentOf(value) ?? 0) > 100) {
    errors.push(invalidValue(field, value, 'must not be greater than 100%'))
  }
  return errors
}

const policies = ['AlwaysAllow', 'IfHealthyBudget']

export function validateDisruptionBudget(budget: PodDisruptionBudget): FieldError[] {
  const { spec = {}, status = {} } = budget
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec
  const errors = validateObjectName(budget, dns1123Subdomain)
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const text = 'minAvailable and maxUnavailable cannot be both set'
    errors.push(invalidValue('spec', spec as Json, text))
  }
  errors.push(
    ...validateAmount(minAvailable, 'spec.minAvailable'),
    ...validateAmount(maxUnavailable, 'spec.maxUnavailable'),
    ...(selector === undefined ? [] : validateLabelSelector(selector, 'spec.selector')),
  )
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, policies))
  }
  return [
    ...errors,
    ...validateCount(status.disruptionsAllowed, 'status.disruptionsAllowed'),
    ...validateCount(status.currentHealthy, 'status.currentHealthy'),
    ...validateCount(status.desiredHealthy, 'status.desiredHealthy'),
    ...validateCount(status.expectedPods, 'status.expectedPods'),
  ]
}
