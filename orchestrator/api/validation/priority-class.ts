// Checks of PriorityClasses, and the two that every cluster has.
// Counterpart: pkg/apis/scheduling and its validation.

import type { FieldError } from '../kind.js'
import type { PriorityClass } from '../types/scheduling.js'
import { forbiddenField, invalidValue, notSupported } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'

/** What users may give; the values above are the system's. */
const userValueMax = 1_000_000_000

export const systemPriorities: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
])

function systemProblem({ metadata, value = 0, globalDefault = false }: PriorityClass): string {
  const { name = '' } = metadata
  const known = systemPriorities.get(name)
  if (known === undefined) return `${name} is not a known system priority class`
  if (value !== known) return `value of ${name} PriorityClass must be ${known}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : ''
}

export function validatePriorityClass(
  priorityClass: PriorityClass,
  old: PriorityClass | null,
): FieldError[] {
  const { metadata, value = 0, preemptionPolicy } = priorityClass
  const errors = validateObjectName(priorityClass, dns1123Subdomain)
  if ((metadata.name ?? '').startsWith('system-')) {
    const problem = systemProblem(priorityClass)
    if (problem !== '') {
      const text = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`
      errors.push(forbiddenField('metadata.name', text))
    }
  } else if (value > userValueMax) {
    const text = `maximum allowed value of a user defined priority is ${userValueMax}`
    errors.push(forbiddenField('value', text))
  }
  const policies = ['Never', 'PreemptLowerPriority']
  if (preemptionPolicy !== undefined && !policies.includes(preemptionPolicy)) {
    errors.push(notSupported('preemptionPolicy', preemptionPolicy, policies))
  }
  if (old !== null && (old.value ?? 0) !== value) {
    errors.push(forbiddenField('value', 'may not be changed in an update.'))
  }
  if (old !== null && old.preemptionPolicy !== preemptionPolicy) {
    errors.push(invalidValue('preemptionPolicy', preemptionPolicy ?? null, immutableText))
  }
  return errors
}
