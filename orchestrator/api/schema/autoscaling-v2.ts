// HorizontalPodAutoscalers by metrics of any kind.
// Counterpart: autoscaling/v2 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  int32,
  int64,
  keyed,
  list,
  pointer,
  quantity,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const crossVersionObjectReference: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.CrossVersionObjectReference',
  {
    kind: always(1, string, { required: true }),
    name: always(2, string, { required: true }),
    apiVersion: field(3, string),
  },
)

export const metricIdentifier: StructSchema = struct('io.k8s.api.autoscaling.v2.MetricIdentifier', {
  name: always(1, string, { required: true }),
  selector: pointer(2, labelSelector),
})

export const metricTarget: StructSchema = struct('io.k8s.api.autoscaling.v2.MetricTarget', {
  type: always(1, string, { required: true }),
  value: pointer(2, quantity),
  averageValue: pointer(3, quantity),
  averageUtilization: pointer(4, int32),
})

export const objectMetricSource: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ObjectMetricSource',
  {
    describedObject: always(1, crossVersionObjectReference, { required: true }),
    target: always(2, metricTarget, { required: true }),
    metric: always(3, metricIdentifier, { required: true }),
  },
)

export const podsMetricSource: StructSchema = struct('io.k8s.api.autoscaling.v2.PodsMetricSource', {
  metric: always(1, metricIdentifier, { required: true }),
  target: always(2, metricTarget, { required: true }),
})

export const resourceMetricSource: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ResourceMetricSource',
  {
    name: always(1, string, { required: true }),
    target: always(2, metricTarget, { required: true }),
  },
)

export const containerResourceMetricSource: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ContainerResourceMetricSource',
  {
    name: always(1, string, { required: true }),
    target: always(2, metricTarget, { required: true }),
    container: always(3, string, { required: true }),
  },
)

export const externalMetricSource: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ExternalMetricSource',
  {
    metric: always(1, metricIdentifier, { required: true }),
    target: always(2, metricTarget, { required: true }),
  },
)

export const metricSpec: StructSchema = struct('io.k8s.api.autoscaling.v2.MetricSpec', {
  type: always(1, string, { required: true }),
  object: pointer(2, objectMetricSource),
  pods: pointer(3, podsMetricSource),
  resource: pointer(4, resourceMetricSource),
  external: pointer(5, externalMetricSource),
  containerResource: pointer(7, containerResourceMetricSource),
})

export const hpaScalingPolicy: StructSchema = struct('io.k8s.api.autoscaling.v2.HPAScalingPolicy', {
  type: always(1, string, { required: true }),
  value: always(2, int32, { required: true }),
  periodSeconds: always(3, int32, { required: true }),
})

export const hpaScalingRules: StructSchema = struct('io.k8s.api.autoscaling.v2.HPAScalingRules', {
  selectPolicy: pointer(1, string),
  policies: field(2, list(hpaScalingPolicy)),
  stabilizationWindowSeconds: pointer(3, int32),
  tolerance: pointer(4, quantity),
})

export const horizontalPodAutoscalerBehavior: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior',
  {
    scaleUp: pointer(1, hpaScalingRules),
    scaleDown: pointer(2, hpaScalingRules),
  },
)

export const horizontalPodAutoscalerSpec: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec',
  {
    scaleTargetRef: always(1, crossVersionObjectReference, { required: true }),
    minReplicas: pointer(2, int32),
    maxReplicas: always(3, int32, { required: true }),
    metrics: field(4, list(metricSpec)),
    behavior: pointer(5, horizontalPodAutoscalerBehavior),
  },
)

export const metricValueStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.MetricValueStatus',
  {
    value: pointer(1, quantity),
    averageValue: pointer(2, quantity),
    averageUtilization: pointer(3, int32),
  },
)

export const objectMetricStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ObjectMetricStatus',
  {
    metric: always(1, metricIdentifier, { required: true }),
    current: always(2, metricValueStatus, { required: true }),
    describedObject: always(3, crossVersionObjectReference, { required: true }),
  },
)

export const podsMetricStatus: StructSchema = struct('io.k8s.api.autoscaling.v2.PodsMetricStatus', {
  metric: always(1, metricIdentifier, { required: true }),
  current: always(2, metricValueStatus, { required: true }),
})

export const resourceMetricStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ResourceMetricStatus',
  {
    name: always(1, string, { required: true }),
    current: always(2, metricValueStatus, { required: true }),
  },
)

export const containerResourceMetricStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus',
  {
    name: always(1, string, { required: true }),
    current: always(2, metricValueStatus, { required: true }),
    container: always(3, string, { required: true }),
  },
)

export const externalMetricStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.ExternalMetricStatus',
  {
    metric: always(1, metricIdentifier, { required: true }),
    current: always(2, metricValueStatus, { required: true }),
  },
)

export const metricStatus: StructSchema = struct('io.k8s.api.autoscaling.v2.MetricStatus', {
  type: always(1, string, { required: true }),
  object: pointer(2, objectMetricStatus),
  pods: pointer(3, podsMetricStatus),
  resource: pointer(4, resourceMetricStatus),
  external: pointer(5, externalMetricStatus),
  containerResource: pointer(7, containerResourceMetricStatus),
})

export const horizontalPodAutoscalerCondition: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition',
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const horizontalPodAutoscalerStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus',
  {
    observedGeneration: pointer(1, int64),
    lastScaleTime: pointer(2, time),
    currentReplicas: field(3, int32),
    desiredReplicas: always(4, int32, { required: true }),
    currentMetrics: always(5, list(metricStatus)),
    conditions: field(6, keyed(horizontalPodAutoscalerCondition, 'type'), { mergeKey: 'type' }),
  },
)

export const horizontalPodAutoscaler: StructSchema = struct(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, horizontalPodAutoscalerSpec, { required: true }),
    status: field(3, horizontalPodAutoscalerStatus),
  },
  { description: 'Sizes a workload by how busy it is.' },
)
