// HorizontalPodAutoscalers, in v2 as they are kept, and in v1.
// Counterpart: pkg/registry/autoscaling/horizontalpodautoscaler and printHorizontalPodAutoscaler.

import { metricSources } from '../../conversion/autoscaler-metrics.js'
import { autoscalerFromV1, autoscalerToV1 } from '../../conversion/horizontal-pod-autoscaler.js'
import { autoscalerDefaults, autoscalerV1Defaults } from '../../defaults/autoscaler.js'
import type { Column, Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { horizontalPodAutoscaler as schemaV1 } from '../../schema/autoscaling-v1.js'
import { horizontalPodAutoscaler as schemaV2 } from '../../schema/autoscaling-v2.js'
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
} from '../../types/autoscaling-v2.js'
import { validateAutoscaler } from '../../validation/autoscaler.js'
import { ageColumn, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const metricsShownMax = 2
const unknown = '<unknown>'

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = metricSources.get(spec.type)
  if (source === undefined) return '<unknown type>'
  const target = spec[source]?.target
  const current = status?.[source]?.current
  if (source === 'resource' || source === 'containerResource') {
    const name = spec[source]?.name ?? ''
    if (target?.averageValue !== undefined) {
      return `${name}: ${current?.averageValue ?? unknown}/${target.averageValue}`
    }
    return `${name}: ${percent(current?.averageUtilization, unknown)}/${percent(target?.averageUtilization, '<auto>')}`
  }
  if (target?.averageValue === undefined) {
    return `${current?.value ?? unknown}/${target?.value ?? unknown}`
  }
  const text = `${current?.averageValue ?? unknown}/${target.averageValue}`
  return source === 'pods' ? text : `${text} (avg)`
}

function percent(value: number | undefined, otherwise: string): string {
  return value === undefined ? otherwise : `${value}%`
}

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const { metrics = [] } = spec
  if (metrics.length === 0) return none
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  const shown = texts.slice(0, metricsShownMax).join(', ')
  const more = texts.length - metricsShownMax
  return more > 0 ? `${shown} + ${more} more...` : shown
}

const columns: readonly Column[] = [
  nameColumn,
  text<HorizontalPodAutoscaler>('Reference', 'What is scaled.', ({ spec }) => {
    return `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`
  }),
  text<HorizontalPodAutoscaler>(
    'Targets',
    'Each metric, as it is and as it shall be.',
    targetsText,
  ),
  text<HorizontalPodAutoscaler>('MinPods', 'The fewest replicas.', ({ spec }) =>
    spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
  ),
  text<HorizontalPodAutoscaler>('MaxPods', 'The most replicas.', ({ spec }) => spec.maxReplicas),
  text<HorizontalPodAutoscaler>(
    'Replicas',
    'How many replicas there are.',
    ({ status }) => status?.currentReplicas ?? 0,
  ),
  ageColumn,
]

export const horizontalPodAutoscaler: Kind = {
  ...ordinary,
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  schema: schemaV2,
  hasStatus: true,
  columns,
  withDefaults: autoscalerDefaults,
  validate: (object, old) =>
    validateAutoscaler(object as HorizontalPodAutoscaler, old as HorizontalPodAutoscaler | null),
}

export const horizontalPodAutoscalerV1: Kind = {
  ...horizontalPodAutoscaler,
  version: 'v1',
  schema: schemaV1,
  columns: columns.map(column => ({
    ...column,
    cell: (object: KubeObject, nowMs: number) => column.cell(autoscalerFromV1(object), nowMs),
  })),
  withDefaults: autoscalerV1Defaults,
  validate: () => [],
  storedAs: {
    kind: horizontalPodAutoscaler,
    toStored: autoscalerFromV1,
    fromStored: autoscalerToV1,
  },
}
