// Checks of what steers the scheduler: affinity, tolerations, taints, spreading.
// Counterpart: the same parts of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import type {
  Affinity,
  NodeSelector,
  NodeSelectorTerm,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '../types/core-scheduling.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { validateLabelSelector } from './metadata.js'
import { dns1123Label, labelValue, qualifiedName } from './names.js'

const taintEffects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'] as const
const nodeOperators = ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn'] as const

function validateNodeSelectorTerm(term: NodeSelectorTerm, field: string): FieldError[] {
  const expressions = (term.matchExpressions ?? []).flatMap((requirement, index) => {
    const at = `${field}.matchExpressions[${index}]`
    const { key, operator, values = [] } = requirement
    return [
      ...validateNodeOperator(operator, values, at),
      ...invalidFor(`${at}.key`, key, qualifiedName(key)),
    ]
  })
  const fields = (term.matchFields ?? []).flatMap((requirement, index) => {
    const at = `${field}.matchFields[${index}]`
    const { key, operator, values = [] } = requirement
    const wrong: FieldError[] = []
    if (operator !== 'In' && operator !== 'NotIn') {
      wrong.push(invalidValue(`${at}.operator`, operator, 'not a valid selector operator'))
    } else if (values.length !== 1) {
      const text =
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
      wrong.push(required(`${at}.values`, text))
    }
    if (key !== 'metadata.name') {
      wrong.push(invalidValue(`${at}.key`, key, 'not a valid field selector key'))
    }
    return wrong
  })
  return [...expressions, ...fields]
}

function validateNodeOperator(
  operator: string,
  values: readonly string[],
  field: string,
): FieldError[] {
  const at = `${field}.values`
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length > 0) return []
      return [required(at, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      if (values.length === 0) return []
      return [
        forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      ]
    case 'Gt':
    case 'Lt':
      if (values.length === 1) return []
      return [required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
    default:
      return [notSupported(`${field}.operator`, operator, nodeOperators)]
  }
}

function validateWeight(weight: number, field: string): FieldError[] {
  if (weight >= 1 && weight <= 100) return []
  return [invalidValue(`${field}.weight`, weight, 'must be in the range 1-100')]
}

function validatePodAffinityTerm(term: PodAffinityTerm, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (term.labelSelector !== undefined) {
    errors.push(...validateLabelSelector(term.labelSelector, `${field}.labelSelector`))
  }
  if (term.namespaceSelector !== undefined) {
    errors.push(...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`))
  }
  for (const [index, name] of (term.namespaces ?? []).entries()) {
    errors.push(...invalidFor(`${field}.namespaces[${index}]`, name, dns1123Label(name)))
  }
  if (term.topologyKey === '') {
    errors.push(required(`${field}.topologyKey`, 'can not be empty'))
  } else {
    errors.push(
      ...invalidFor(`${field}.topologyKey`, term.topologyKey, qualifiedName(term.topologyKey)),
    )
  }
  return errors
}

const requiredName = 'requiredDuringSchedulingIgnoredDuringExecution'
const preferredName = 'preferredDuringSchedulingIgnoredDuringExecution'

export function validateNodeSelector(selector: NodeSelector, field: string): FieldError[] {
  const at = `${field}.nodeSelectorTerms`
  const terms = selector.nodeSelectorTerms
  return [
    ...(terms.length === 0 ? [required(at, 'must have at least one node selector term')] : []),
    ...terms.flatMap((term, index) => validateNodeSelectorTerm(term, `${at}[${index}]`)),
  ]
}

export function validateAffinity(affinity: Affinity, field: string): FieldError[] {
  const errors: FieldError[] = []
  const { nodeAffinity } = affinity
  const hard = nodeAffinity?.[requiredName]
  const nodeField = `${field}.nodeAffinity`
  if (hard !== undefined) {
    errors.push(...validateNodeSelector(hard, `${nodeField}.${requiredName}`))
  }
  for (const [index, { weight, preference }] of (nodeAffinity?.[preferredName] ?? []).entries()) {
    const at = `${nodeField}.${preferredName}[${index}]`
    errors.push(...validateWeight(weight, at))
    errors.push(...validateNodeSelectorTerm(preference, `${at}.preference`))
  }
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const at = `${field}.${name}`
    for (const [index, term] of (affinity[name]?.[requiredName] ?? []).entries()) {
      errors.push(...validatePodAffinityTerm(term, `${at}.${requiredName}[${index}]`))
    }
    for (const [index, weighted] of (affinity[name]?.[preferredName] ?? []).entries()) {
      const place = `${at}.${preferredName}[${index}]`
      errors.push(...validateWeight(weighted.weight, place))
      errors.push(...validatePodAffinityTerm(weighted.podAffinityTerm, `${place}.podAffinityTerm`))
    }
  }
  return errors
}

export function validateToleration(toleration: Toleration, field: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration
  const errors: FieldError[] = []
  if (key !== '') errors.push(...invalidFor(`${field}.key`, key, qualifiedName(key)))
  if (key === '' && operator !== 'Exists') {
    const text =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"'
    errors.push(invalidValue(`${field}.operator`, operator, text))
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
    errors.push(invalidValue(`${field}.effect`, effect, text))
  }
  switch (operator) {
    case '':
    case 'Equal':
      errors.push(...invalidFor(`${field}.operator`, value, labelValue(value)))
      break
    case 'Exists':
      if (value !== '') {
        const text = "value must be empty when `operator` is 'Exists'"
        errors.push(invalidValue(`${field}.operator`, toleration.value, text))
      }
      break
    default:
      errors.push(notSupported(`${field}.operator`, operator, ['Equal', 'Exists']))
  }
  if (effect !== '' && !taintEffects.includes(effect as (typeof taintEffects)[number])) {
    errors.push(notSupported(`${field}.effect`, effect, taintEffects))
  }
  return errors
}

export function validateTaints(taints: readonly Taint[], field: string): FieldError[] {
  const seen = new Set<string>()
  return taints.flatMap((taint, index) => {
    const at = `${field}[${index}]`
    const { key, value = '', effect } = taint
    const errors = [
      ...invalidFor(`${at}.key`, key, qualifiedName(key)),
      ...invalidFor(`${at}.value`, value, labelValue(value)),
    ]
    if (!taintEffects.includes(effect as (typeof taintEffects)[number])) {
      errors.push(notSupported(`${at}.effect`, effect, taintEffects))
    }
    const identity = `${key}:${effect}`
    if (seen.has(identity)) errors.push(duplicate(at, { ...taint }))
    seen.add(identity)
    return errors
  })
}

const unsatisfiableActions = ['DoNotSchedule', 'ScheduleAnyway'] as const
const nodeInclusions = ['Honor', 'Ignore'] as const

export function validateSpreadConstraints(
  constraints: readonly TopologySpreadConstraint[],
  field: string,
): FieldError[] {
  const seen = new Set<string>()
  return constraints.flatMap((constraint, index) => {
    const at = `${field}[${index}]`
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint
    const errors: FieldError[] = []
    if (maxSkew <= 0)
      errors.push(invalidValue(`${at}.maxSkew`, maxSkew, 'must be greater than zero'))
    if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'))
    else errors.push(...invalidFor(`${at}.topologyKey`, topologyKey, qualifiedName(topologyKey)))
    if (!unsatisfiableActions.some(action => action === whenUnsatisfiable)) {
      const place = `${at}.whenUnsatisfiable`
      errors.push(notSupported(place, whenUnsatisfiable, unsatisfiableActions))
    }
    if (minDomains !== undefined && minDomains <= 0) {
      errors.push(invalidValue(`${at}.minDomains`, minDomains, 'must be greater than zero'))
    }
    for (const name of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[name]
      if (policy !== undefined && !nodeInclusions.some(known => known === policy)) {
        errors.push(notSupported(`${at}.${name}`, policy, nodeInclusions))
      }
    }
    const identity = `${topologyKey}/${whenUnsatisfiable}`
    if (seen.has(identity)) {
      errors.push(
        duplicate(
          `${at}.{topologyKey, whenUnsatisfiable}`,
          `{${topologyKey}, ${whenUnsatisfiable}}`,
        ),
      )
    }
    seen.add(identity)
    if (labelSelector !== undefined) {
      errors.push(...validateLabelSelector(labelSelector, `${at}.labelSelector`))
    }
    return errors
  })
}
