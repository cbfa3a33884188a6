// Checks of what a Job makes of failures and successes of its pods. Counterpart:
// validatePodFailurePolicy and validateSuccessPolicy of pkg/apis/batch/validation.

import { parseIndexes } from '../job-indexes.js'
import type { FieldError } from '../kind.js'
import type {
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicy,
  SuccessPolicyRule,
} from '../types/batch.js'
import {
  duplicate,
  invalidField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from './field-errors.js'
import { qualifiedName } from './names.js'
import { validateCount } from './workload-parts.js'

const rulesMax = 20
const patternsMax = 20
const exitCodesMax = 255
const indexesBytesMax = 64 * 1024

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'] as const
const exitCodeOperators = ['In', 'NotIn'] as const
const conditionStatuses = ['False', 'True', 'Unknown'] as const

/** One of the known values, which must be there. */
function validateChoice(value: string, known: readonly string[], field: string): FieldError[] {
  if (value === '') {
    return [required(field, `valid values: [${known.map(k => JSON.stringify(k)).join(' ')}]`)]
  }
  return known.includes(value) ? [] : [notSupported(field, value, known)]
}

export function validateFailurePolicy(
  { rules }: PodFailurePolicy,
  spec: JobSpec,
  field: string,
): FieldError[] {
  const { containers = [], initContainers = [] } = spec.template.spec ?? {}
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  const at = `${field}.rules`
  return [
    ...(rules.length > rulesMax ? [tooMany(at, rules.length, rulesMax)] : []),
    ...rules
      .slice(0, rulesMax)
      .flatMap((rule, index) => validateFailureRule(rule, spec, `${at}[${index}]`, names)),
  ]
}

function validateFailureRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  field: string,
  containerNames: ReadonlySet<string>,
): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule
  const errors = validateChoice(action, actions, `${field}.action`)
  if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    const text = 'requires the backoffLimitPerIndex to be set'
    errors.push(invalidValue(`${field}.action`, action, text))
  }
  if (onExitCodes !== undefined) {
    errors.push(...validateExitCodes(onExitCodes, `${field}.onExitCodes`, containerNames))
  }
  errors.push(...validatePatterns(onPodConditions, `${field}.onPodConditions`))
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    const text = 'specifying both OnExitCodes and OnPodConditions is not supported'
    errors.push(invalidField(field, text))
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    errors.push(
      invalidField(field, 'specifying one of OnExitCodes and OnPodConditions is required'),
    )
  }
  return errors
}

function validateExitCodes(
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  field: string,
  containerNames: ReadonlySet<string>,
): FieldError[] {
  const errors = validateChoice(operator, exitCodeOperators, `${field}.operator`)
  if (containerName !== undefined && !containerNames.has(containerName)) {
    const text = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalidValue(`${field}.containerName`, containerName, text))
  }
  const at = `${field}.values`
  if (values.length === 0) errors.push(invalidValue(at, values, 'at least one value is required'))
  if (values.length > exitCodesMax) errors.push(tooMany(at, values.length, exitCodesMax))
  const seen = new Set<number>()
  for (const [index, value] of values.slice(0, exitCodesMax).entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalidValue(`${at}[${index}]`, value, 'must not be 0 for the In operator'))
    }
    if (seen.has(value)) errors.push(duplicate(`${at}[${index}]`, value))
    seen.add(value)
  }
  if (values.some((value, index) => index > 0 && (values[index - 1] ?? value) > value)) {
    errors.push(invalidValue(at, values, 'must be ordered'))
  }
  return errors
}

function validatePatterns(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  field: string,
): FieldError[] {
  return [
    ...(patterns.length > patternsMax ? [tooMany(field, patterns.length, patternsMax)] : []),
    ...patterns
      .slice(0, patternsMax)
      .flatMap(({ type, status = '' }, index) => [
        ...invalidFor(`${field}[${index}].type`, type, qualifiedName(type)),
        ...validateChoice(status, conditionStatuses, `${field}[${index}].status`),
      ]),
  ]
}

/** The Job is Indexed. */
export function validateSuccessPolicy(
  { rules }: SuccessPolicy,
  completions: number,
  field: string,
): FieldError[] {
  const at = `${field}.rules`
  const errors: FieldError[] = []
  if (rules.length === 0) {
    const text = 'at least one rules must be specified when the successPolicy is specified'
    errors.push(required(at, text))
  }
  if (rules.length > rulesMax) errors.push(tooMany(at, rules.length, rulesMax))
  for (const [index, rule] of rules.slice(0, rulesMax).entries()) {
    errors.push(...validateSuccessRule(rule, completions, `${at}[${index}]`))
  }
  return errors
}

function validateSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  if (succeededCount === undefined && succeededIndexes === undefined) {
    const text = 'at least one of succeededCount or succeededIndexes must be specified'
    errors.push(required(field, text))
  }
  let named = 0
  if (succeededIndexes !== undefined) {
    const at = `${field}.succeededIndexes`
    if (succeededIndexes.length > indexesBytesMax) errors.push(tooLong(at, indexesBytesMax))
    const parsed = parseIndexes(succeededIndexes, completions)
    if ('problem' in parsed) {
      const text = `error parsing succeededIndexes: ${parsed.problem}`
      errors.push(invalidValue(at, succeededIndexes, text))
    } else named = parsed.count
  }
  if (succeededCount === undefined) return errors
  const at = `${field}.succeededCount`
  errors.push(...validateCount(succeededCount, at))
  if (succeededCount > completions) {
    const text = `must be less than or equal to ${completions} (the number of specified completions)`
    errors.push(invalidValue(at, succeededCount, text))
  }
  if (succeededIndexes !== undefined && succeededCount > named) {
    const what = 'the number of indexes in the specified succeededIndexes field'
    const text = `must be less than or equal to ${named} (${what})`
    errors.push(invalidValue(at, succeededCount, text))
  }
  return errors
}
