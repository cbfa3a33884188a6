// HorizontalPodAutoscalers between v1 and v2. v2 is what is kept: v1 has a field for one metric and
// carries all others, the conditions and the behaviour in annotations.
// Counterpart: pkg/apis/autoscaling/v1/conversion.go.

import { checkStruct } from '../decode/shape.js'
import type { Json, JsonObject, KubeObject, ObjectMeta } from '../object.js'
import { own } from '../record.js'
import { horizontalPodAutoscaler as schemaV2 } from '../schema/autoscaling-v2.js'
import type { HorizontalPodAutoscaler as V1 } from '../types/autoscaling-v1.js'
import type { HorizontalPodAutoscaler as V2, MetricSpec } from '../types/autoscaling-v2.js'
import {
  annotatedMetric,
  annotatedStatus,
  isCpuUtilization,
  metricOf,
  statusOf,
} from './autoscaler-metrics.js'

const prefix = 'autoscaling.alpha.kubernetes.io/'
const metricsAnnotation = `${prefix}metrics`
const currentMetricsAnnotation = `${prefix}current-metrics`
const conditionsAnnotation = `${prefix}conditions`
const behaviorAnnotation = `${prefix}behavior`
const carriers = [
  metricsAnnotation,
  currentMetricsAnnotation,
  conditionsAnnotation,
  behaviorAnnotation,
]

export const defaultUtilizationPercent = 80

export function cpuMetric(averageUtilization: number): MetricSpec {
  return {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
  }
}

export function autoscalerToV1(object: KubeObject): KubeObject {
  const { spec, status, metadata } = object as Partial<V2> & KubeObject
  const metrics = spec?.metrics ?? []
  const others = metrics.filter(metric => !isCpuUtilization(metric))
  const cpu = metrics.find(isCpuUtilization)?.resource?.target.averageUtilization
  const current = status?.currentMetrics ?? []
  const cpuNow = current.find(
    ({ type, resource }) => type === 'Resource' && resource?.name === 'cpu',
  )?.resource?.current.averageUtilization
  const carried: { [name: string]: string } = {}
  if (others.length > 0) carried[metricsAnnotation] = textOf(others.map(annotatedMetric))
  if (current.length > 0) carried[currentMetricsAnnotation] = textOf(current.map(annotatedStatus))
  const conditions = status?.conditions ?? []
  if (conditions.length > 0) carried[conditionsAnnotation] = textOf(conditions)
  if (spec?.behavior !== undefined) carried[behaviorAnnotation] = textOf(spec.behavior)
  const annotations = { ...metadata.annotations, ...carried }
  const converted: { [field: string]: unknown } = {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: Object.keys(carried).length === 0 ? metadata : { ...metadata, annotations },
  }
  if (spec !== undefined) {
    const { metrics: _, behavior: __, ...rest } = spec
    converted['spec'] = {
      ...rest,
      ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }),
    }
  }
  if (status !== undefined) {
    const { currentMetrics: _, conditions: __, currentReplicas = 0, ...rest } = status
    converted['status'] = {
      ...rest,
      currentReplicas,
      ...(cpuNow === undefined ? {} : { currentCPUUtilizationPercentage: cpuNow }),
    }
  }
  return converted as unknown as KubeObject
}

export function autoscalerFromV1(object: KubeObject): KubeObject {
  const { spec, status, metadata } = object as Partial<V1> & KubeObject
  const { annotations = {} } = metadata
  const converted: { [field: string]: unknown } = {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withoutCarriers(metadata),
  }
  if (spec !== undefined) {
    const { targetCPUUtilizationPercentage: cpu, ...rest } = spec
    const carried = carriedMetrics(annotations)
    const metrics = [...carried, ...(cpu === undefined ? [] : [cpuMetric(cpu)])]
    const behavior = carriedPart(annotations, behaviorAnnotation, value => {
      return { spec: { behavior: value } }
    })?.spec?.behavior
    converted['spec'] = {
      ...rest,
      metrics: metrics.length === 0 ? [cpuMetric(defaultUtilizationPercent)] : metrics,
      ...(behavior === undefined ? {} : { behavior }),
    }
  }
  const currentMetrics = carriedPart(annotations, currentMetricsAnnotation, value => {
    return { status: { currentMetrics: Array.isArray(value) ? value.map(statusOf) : value } }
  })?.status?.currentMetrics
  const conditions = carriedPart(annotations, conditionsAnnotation, value => {
    return { status: { conditions: value } }
  })?.status?.conditions
  if (status !== undefined || currentMetrics !== undefined || conditions !== undefined) {
    const { currentCPUUtilizationPercentage: percent, ...rest } = status ?? { desiredReplicas: 0 }
    converted['status'] = {
      ...rest,
      currentMetrics: currentMetrics ?? (percent === undefined ? [] : [cpuReading(percent)]),
      ...(conditions === undefined ? {} : { conditions }),
    }
  }
  return converted as unknown as KubeObject
}

function cpuReading(averageUtilization: number): JsonObject {
  return { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } }
}

function carriedMetrics(annotations: Readonly<Record<string, string>>): readonly MetricSpec[] {
  const part = carriedPart(annotations, metricsAnnotation, value => {
    return { spec: { metrics: Array.isArray(value) ? value.map(metricOf) : value } }
  })
  return part?.spec?.metrics ?? []
}

/** The part of a v2 object that an annotation describes; undefined when it makes no sense. */
function carriedPart(
  annotations: Readonly<Record<string, string>>,
  annotation: string,
  place: (value: Json) => JsonObject,
): { readonly spec?: Partial<V2['spec']>; readonly status?: Partial<V2['status']> } | undefined {
  const text = own(annotations, annotation)
  if (text === undefined) return undefined
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return undefined
  }
  const { object, typeErrors } = checkStruct(schemaV2, place(value))
  return typeErrors.length > 0 ? undefined : object
}

function withoutCarriers(metadata: ObjectMeta): ObjectMeta {
  const { annotations } = metadata
  if (annotations === undefined) return metadata
  const kept = Object.entries(annotations).filter(([name]) => !carriers.includes(name))
  if (kept.length === 0) {
    const { annotations: _, ...rest } = metadata
    return rest
  }
  return { ...metadata, annotations: Object.fromEntries(kept) }
}

function textOf(value: unknown): string {
  return JSON.stringify(value)
}
