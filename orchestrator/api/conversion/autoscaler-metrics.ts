// The metrics of an autoscaler as v1 carries them in its annotations: an older layout, with names
// and targets side by side. Counterpart: the MetricSpec of autoscaling/v1 and its conversions.

import { isJsonObject } from '../record.js'
import type { Json, JsonObject } from '../object.js'
import type {
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../types/autoscaling-v2.js'

export type MetricSource = Exclude<keyof MetricSpec, 'type'>

/** The field of a metric that its type speaks of. */
export const metricSources: ReadonlyMap<string, MetricSource> = new Map([
  ['Object', 'object'],
  ['External', 'external'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
  ['ContainerResource', 'containerResource'],
])

/** Undefined fields are left out when the annotation is written. */
type Fields = { readonly [name: string]: unknown }

function annotated(type: string, field: string, fields: Fields): JsonObject {
  return { type, [field]: fields as JsonObject }
}

export function annotatedMetric(metric: MetricSpec): JsonObject {
  const { type, object, pods, resource, external, containerResource } = metric
  const result: JsonObject[] = []
  if (object !== undefined) {
    const { describedObject, target } = object
    const { name: metricName, selector } = object.metric
    const targetValue = target.value ?? '0'
    const { averageValue } = target
    const fields = { target: describedObject, metricName, targetValue, selector, averageValue }
    result.push(annotated(type, 'object', fields))
  }
  if (pods !== undefined) {
    const { name: metricName, selector } = pods.metric
    const targetAverageValue = pods.target.averageValue ?? '0'
    result.push(annotated(type, 'pods', { metricName, targetAverageValue, selector }))
  }
  if (resource !== undefined) {
    result.push(annotated(type, 'resource', { name: resource.name, ...goals(resource.target) }))
  }
  if (external !== undefined) {
    const { name: metricName, selector: metricSelector } = external.metric
    const { value: targetValue, averageValue: targetAverageValue } = external.target
    const fields = { metricName, metricSelector, targetValue, targetAverageValue }
    result.push(annotated(type, 'external', fields))
  }
  if (containerResource !== undefined) {
    const { name, container, target } = containerResource
    const fields = { name, ...goals(target), container }
    result.push(annotated(type, 'containerResource', fields))
  }
  return Object.assign({ type }, ...result) as JsonObject
}

function goals({ averageUtilization, averageValue }: MetricTarget): Fields {
  return { targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }
}

export function annotatedStatus(metric: MetricStatus): JsonObject {
  const { type, object, pods, resource, external, containerResource } = metric
  const result: JsonObject[] = []
  if (object !== undefined) {
    const { describedObject: target, current } = object
    const { name: metricName, selector } = object.metric
    const { value: currentValue = '0', averageValue } = current
    const fields = { target, metricName, currentValue, selector, averageValue }
    result.push(annotated(type, 'object', fields))
  }
  if (pods !== undefined) {
    const { name: metricName, selector } = pods.metric
    const currentAverageValue = pods.current.averageValue ?? '0'
    result.push(annotated(type, 'pods', { metricName, currentAverageValue, selector }))
  }
  if (resource !== undefined) {
    result.push(annotated(type, 'resource', { name: resource.name, ...readings(resource.current) }))
  }
  if (external !== undefined) {
    const { name: metricName, selector: metricSelector } = external.metric
    const { value: currentValue = '0', averageValue: currentAverageValue } = external.current
    const fields = { metricName, metricSelector, currentValue, currentAverageValue }
    result.push(annotated(type, 'external', fields))
  }
  if (containerResource !== undefined) {
    const { name, container, current } = containerResource
    const fields = { name, ...readings(current), container }
    result.push(annotated(type, 'containerResource', fields))
  }
  return Object.assign({ type }, ...result) as JsonObject
}

function readings({ averageUtilization, averageValue = '0' }: MetricValueStatus): Fields {
  return { currentAverageUtilization: averageUtilization, currentAverageValue: averageValue }
}

/** What stands in an annotation is anybody's: the result has to be held against its schema. */
export function metricOf(annotation: Json): Json {
  if (!isJsonObject(annotation)) return annotation
  const { type, object, pods, resource, external, containerResource } = annotation
  const metric: { [field: string]: unknown } = { type }
  if (isJsonObject(object)) {
    const { target, metricName, targetValue, selector, averageValue } = object
    const average = averageValue !== undefined
    const value = average && targetValue === '0' ? undefined : targetValue
    const goal = { type: average ? 'AverageValue' : 'Value', value, averageValue }
    metric['object'] = {
      describedObject: target,
      metric: named(metricName, selector),
      target: goal,
    }
  }
  if (isJsonObject(pods)) {
    const { metricName, targetAverageValue: averageValue, selector } = pods
    const target = { type: 'AverageValue', averageValue }
    metric['pods'] = { metric: named(metricName, selector), target }
  }
  if (isJsonObject(resource)) {
    metric['resource'] = { name: resource['name'], target: targetOf(resource) }
  }
  if (isJsonObject(external)) {
    const { metricName, metricSelector, targetValue: value, targetAverageValue } = external
    const type = value === undefined ? 'AverageValue' : 'Value'
    const target = { type, value, averageValue: targetAverageValue }
    metric['external'] = { metric: named(metricName, metricSelector), target }
  }
  if (isJsonObject(containerResource)) {
    const { name, container } = containerResource
    metric['containerResource'] = { name, container, target: targetOf(containerResource) }
  }
  return metric as JsonObject
}

function targetOf({ targetAverageUtilization, targetAverageValue }: JsonObject): Fields {
  const type = targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization'
  return { type, averageValue: targetAverageValue, averageUtilization: targetAverageUtilization }
}

/** As metricOf. */
export function statusOf(annotation: Json): Json {
  if (!isJsonObject(annotation)) return annotation
  const { type, object, pods, resource, external, containerResource } = annotation
  const status: { [field: string]: unknown } = { type }
  if (isJsonObject(object)) {
    const { target: describedObject, metricName, currentValue: value, selector } = object
    const current = { value, averageValue: object['averageValue'] }
    status['object'] = { describedObject, metric: named(metricName, selector), current }
  }
  if (isJsonObject(pods)) {
    const { metricName, currentAverageValue: averageValue, selector } = pods
    status['pods'] = { metric: named(metricName, selector), current: { averageValue } }
  }
  if (isJsonObject(resource)) {
    status['resource'] = { name: resource['name'], current: currentOf(resource) }
  }
  if (isJsonObject(external)) {
    const { metricName, metricSelector, currentValue: value, currentAverageValue } = external
    const current = { value, averageValue: currentAverageValue }
    status['external'] = { metric: named(metricName, metricSelector), current }
  }
  if (isJsonObject(containerResource)) {
    const { name, container } = containerResource
    status['containerResource'] = { name, container, current: currentOf(containerResource) }
  }
  return status as JsonObject
}

function currentOf({ currentAverageUtilization, currentAverageValue }: JsonObject): Fields {
  return { averageValue: currentAverageValue, averageUtilization: currentAverageUtilization }
}

function named(name: Json | undefined, selector: Json | undefined): Fields {
  return { name, selector }
}

/** Processor time as a share of what is requested: the one metric that v1 has a field for. */
export function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return (
    type === 'Resource' &&
    resource?.name === 'cpu' &&
    resource.target.averageUtilization !== undefined
  )
}
