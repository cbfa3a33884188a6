// Checks of HorizontalPodAutoscalers, in the form of v2. Counterpart: pkg/apis/autoscaling/validation.

import { unreachable } from '../../../platform/errors.js'
import { metricSources } from '../conversion/autoscaler-metrics.js'
import type { MetricSource } from '../conversion/autoscaler-metrics.js'
import type { FieldError } from '../kind.js'
import { parseQuantity } from '../quantity.js'
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../types/autoscaling-v2.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain, pathSegment } from './names.js'
import { notNegative } from './resources.js'

const secondsMax = { stabilization: 3600, period: 1800 }

export function validateAutoscaler(
  autoscaler: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler | null,
): FieldError[] {
  const { spec, status } = autoscaler
  const { minReplicas, maxReplicas, metrics = [] } = spec
  const errors = validateObjectName(autoscaler, dns1123Subdomain)
  const floor = old?.spec.minReplicas === 0 ? 0 : 1
  if (minReplicas !== undefined && minReplicas < floor) {
    const text = `must be greater than or equal to ${floor}`
    errors.push(invalidValue('spec.minReplicas', minReplicas, text))
  }
  if (maxReplicas < 1) {
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  }
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    const text = 'must be greater than or equal to `minReplicas`'
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, text))
  }
  errors.push(...validateReference(spec.scaleTargetRef, 'spec.scaleTargetRef'))
  for (const [index, metric] of metrics.entries()) {
    errors.push(...validateMetric(metric, `spec.metrics[${index}]`))
  }
  const toZero = metrics.some(({ type }) => type === 'Object' || type === 'External')
  if (minReplicas === 0 && !toZero) {
    const text =
      'must specify at least one Object or External metric to support scaling to zero replicas'
    errors.push(forbiddenField('spec.metrics', text))
  }
  errors.push(...validateRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'))
  errors.push(...validateRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'))
  const { currentReplicas = 0, desiredReplicas = 0 } = status ?? {}
  if (currentReplicas < 0) {
    errors.push(invalidValue('status.currentReplicas', currentReplicas, notNegative))
  }
  if (desiredReplicas < 0) {
    errors.push(invalidValue('status.desiredReplicas', desiredReplicas, notNegative))
  }
  return errors
}

function validateSegment(value: string, field: string, missing: string): FieldError[] {
  return value === '' ? [required(field, missing)] : invalidFor(field, value, pathSegment(value))
}

function validateReference(
  { kind, name }: CrossVersionObjectReference,
  field: string,
): FieldError[] {
  return [
    ...validateSegment(kind, `${field}.kind`, ''),
    ...validateSegment(name, `${field}.name`, ''),
  ]
}

function validateMetric(metric: MetricSpec, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (metric.type === '')
    errors.push(required(`${field}.type`, 'must specify a metric source type'))
  const expected = metricSources.get(metric.type)
  if (expected === undefined) {
    errors.push(notSupported(`${field}.type`, metric.type, metricSources.keys()))
  }
  const present = [...metricSources.values()].filter(source => metric[source] !== undefined)
  const [first] = present
  if (first !== undefined) errors.push(...validateSource(metric, first, `${field}.${first}`))
  if (expected !== undefined && metric[expected] === undefined) {
    const text = 'must populate information for the given metric source'
    errors.push(required(`${field}.${expected}`, text))
  }
  if (present.length !== 1) {
    for (const other of present.filter(source => source !== expected)) {
      const text = 'must populate the given metric source only'
      errors.push(forbiddenField(`${field}.${other}`, text))
    }
  }
  return errors
}

function validateSource(metric: MetricSpec, source: MetricSource, field: string): FieldError[] {
  const { object, external, pods, containerResource } = metric
  const target = metric[source]?.target ?? { type: '' }
  const { value, averageValue } = target
  const at = `${field}.target`
  const errors: FieldError[] = []
  if (source === 'object' && object !== undefined) {
    errors.push(...validateReference(object.describedObject, `${field}.describedObject`))
  }
  const identified = object?.metric ?? external?.metric ?? pods?.metric
  if (source === 'object' || source === 'external' || source === 'pods') {
    errors.push(...validateIdentifier(identified, `${field}.metric`))
  } else {
    const name = metric[source]?.name ?? ''
    if (name === '') errors.push(required(`${field}.name`, 'must specify a resource name'))
  }
  if (source === 'containerResource') {
    const container = containerResource?.container ?? ''
    const where = `${field}.container`
    if (container === '') errors.push(required(where, 'must specify a container'))
    else errors.push(...invalidFor(where, container, dns1123Label(container)))
  }
  errors.push(...validateTarget(target, at))
  switch (source) {
    case 'object':
      if (value === undefined && averageValue === undefined) {
        const text = 'must set either a target value or averageValue'
        errors.push(required(`${at}.averageValue`, text))
      }
      return errors
    case 'external':
      if (value === undefined && averageValue === undefined) {
        const text = 'must set either a target value for metric or a per-pod target'
        errors.push(required(`${at}.averageValue`, text))
      }
      if (value !== undefined && averageValue !== undefined) {
        const text = 'may not set both a target value for metric and a per-pod target'
        errors.push(forbiddenField(`${at}.value`, text))
      }
      return errors
    case 'pods':
      if (averageValue === undefined) {
        const text = 'must specify a positive target averageValue'
        errors.push(required(`${at}.averageValue`, text))
      }
      return errors
    case 'resource':
    case 'containerResource':
      return [...errors, ...validateUtilization(target, at)]
    default:
      return unreachable(source)
  }
}

function validateUtilization(
  { averageUtilization, averageValue }: MetricTarget,
  field: string,
): FieldError[] {
  if (averageUtilization === undefined && averageValue === undefined) {
    const text = 'must set either a target raw value or a target utilization'
    return [required(`${field}.averageUtilization`, text)]
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const text = 'may not set both a target raw value and a target utilization'
    return [forbiddenField(`${field}.averageValue`, text)]
  }
  return []
}

function validateIdentifier(metric: MetricIdentifier | undefined, field: string): FieldError[] {
  return validateSegment(metric?.name ?? '', `${field}.name`, 'must specify a metric name')
}

function validateTarget(target: MetricTarget, field: string): FieldError[] {
  const { type, value, averageValue, averageUtilization } = target
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric target type'))
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    const text = 'must be either Utilization, Value, or AverageValue'
    errors.push(invalidValue(`${field}.type`, type, text))
  }
  for (const [name, amount] of Object.entries({ value, averageValue })) {
    if (amount !== undefined && (parseQuantity(amount)?.nanos ?? 0n) <= 0n) {
      errors.push(invalidValue(`${field}.${name}`, amount, 'must be positive'))
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    const text = 'must be greater than 0'
    errors.push(invalidValue(`${field}.averageUtilization`, averageUtilization, text))
  }
  return errors
}

function validateRules(rules: HPAScalingRules | undefined, field: string): FieldError[] {
  if (rules === undefined) return []
  const errors: FieldError[] = []
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules
  const windowField = `${field}.stabilizationWindowSeconds`
  if (window !== undefined && window < 0) {
    errors.push(invalidValue(windowField, window, 'must be greater than or equal to zero'))
  }
  if (window !== undefined && window > secondsMax.stabilization) {
    const text = `must be less than or equal to ${secondsMax.stabilization}`
    errors.push(invalidValue(windowField, window, text))
  }
  if (selectPolicy !== undefined && !['Max', 'Min', 'Disabled'].includes(selectPolicy)) {
    const choices = ['Disabled', 'Max', 'Min']
    errors.push(notSupported(`${field}.selectPolicy`, selectPolicy, choices))
  }
  if (policies.length === 0) {
    errors.push(required(`${field}.policies`, 'must specify at least one Policy'))
  }
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${field}.policies[${index}]`
    if (type !== 'Pods' && type !== 'Percent') {
      errors.push(notSupported(`${at}.type`, type, ['Percent', 'Pods']))
    }
    if (value <= 0) errors.push(invalidValue(`${at}.value`, value, 'must be greater than zero'))
    const periodField = `${at}.periodSeconds`
    if (periodSeconds <= 0) {
      errors.push(invalidValue(periodField, periodSeconds, 'must be greater than zero'))
    }
    if (periodSeconds > secondsMax.period) {
      const text = `must be less than or equal to ${secondsMax.period}`
      errors.push(invalidValue(periodField, periodSeconds, text))
    }
  }
  return errors
}
