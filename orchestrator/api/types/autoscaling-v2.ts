// The types of ../schema/autoscaling-v2.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LabelSelector } from './meta.js'

export interface CrossVersionObjectReference {
  readonly kind: string
  readonly name: string
  readonly apiVersion?: string
}

export interface MetricIdentifier {
  readonly name: string
  readonly selector?: LabelSelector
}

export interface MetricTarget {
  readonly type: string
  readonly value?: string
  readonly averageValue?: string
  readonly averageUtilization?: number
}

export interface ObjectMetricSource {
  readonly describedObject: CrossVersionObjectReference
  readonly target: MetricTarget
  readonly metric: MetricIdentifier
}

export interface PodsMetricSource {
  readonly metric: MetricIdentifier
  readonly target: MetricTarget
}

export interface ResourceMetricSource {
  readonly name: string
  readonly target: MetricTarget
}

export interface ContainerResourceMetricSource {
  readonly name: string
  readonly target: MetricTarget
  readonly container: string
}

export interface ExternalMetricSource {
  readonly metric: MetricIdentifier
  readonly target: MetricTarget
}

export interface MetricSpec {
  readonly type: string
  readonly object?: ObjectMetricSource
  readonly pods?: PodsMetricSource
  readonly resource?: ResourceMetricSource
  readonly external?: ExternalMetricSource
  readonly containerResource?: ContainerResourceMetricSource
}

export interface HPAScalingPolicy {
  readonly type: string
  readonly value: number
  readonly periodSeconds: number
}

export interface HPAScalingRules {
  readonly selectPolicy?: string
  readonly policies?: readonly HPAScalingPolicy[]
  readonly stabilizationWindowSeconds?: number
  readonly tolerance?: string
}

export interface HorizontalPodAutoscalerBehavior {
  readonly scaleUp?: HPAScalingRules
  readonly scaleDown?: HPAScalingRules
}

export interface HorizontalPodAutoscalerSpec {
  readonly scaleTargetRef: CrossVersionObjectReference
  readonly minReplicas?: number
  readonly maxReplicas: number
  readonly metrics?: readonly MetricSpec[]
  readonly behavior?: HorizontalPodAutoscalerBehavior
}

export interface MetricValueStatus {
  readonly value?: string
  readonly averageValue?: string
  readonly averageUtilization?: number
}

export interface ObjectMetricStatus {
  readonly metric: MetricIdentifier
  readonly current: MetricValueStatus
  readonly describedObject: CrossVersionObjectReference
}

export interface PodsMetricStatus {
  readonly metric: MetricIdentifier
  readonly current: MetricValueStatus
}

export interface ResourceMetricStatus {
  readonly name: string
  readonly current: MetricValueStatus
}

export interface ContainerResourceMetricStatus {
  readonly name: string
  readonly current: MetricValueStatus
  readonly container: string
}

export interface ExternalMetricStatus {
  readonly metric: MetricIdentifier
  readonly current: MetricValueStatus
}

export interface MetricStatus {
  readonly type: string
  readonly object?: ObjectMetricStatus
  readonly pods?: PodsMetricStatus
  readonly resource?: ResourceMetricStatus
  readonly external?: ExternalMetricStatus
  readonly containerResource?: ContainerResourceMetricStatus
}

export interface HorizontalPodAutoscalerCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface HorizontalPodAutoscalerStatus {
  readonly observedGeneration?: number
  readonly lastScaleTime?: string
  readonly currentReplicas?: number
  readonly desiredReplicas: number
  readonly currentMetrics?: readonly MetricStatus[]
  readonly conditions?: readonly HorizontalPodAutoscalerCondition[]
}

export interface HorizontalPodAutoscaler extends KubeObject {
  readonly spec: HorizontalPodAutoscalerSpec
  readonly status?: HorizontalPodAutoscalerStatus
}
