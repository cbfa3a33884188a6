// The types of ../schema/policy-disruption-budget.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { Condition, LabelSelector } from './meta.js'

export interface PodDisruptionBudgetSpec {
  readonly minAvailable?: number | string
  readonly selector?: LabelSelector
  readonly maxUnavailable?: number | string
  readonly unhealthyPodEvictionPolicy?: string
}

export interface PodDisruptionBudgetStatus {
  readonly observedGeneration?: number
  readonly disruptedPods?: { readonly [key: string]: string }
  readonly disruptionsAllowed?: number
  readonly currentHealthy?: number
  readonly desiredHealthy?: number
  readonly expectedPods?: number
  readonly conditions?: readonly Condition[]
}

export interface PodDisruptionBudget extends KubeObject {
  readonly spec?: PodDisruptionBudgetSpec
  readonly status?: PodDisruptionBudgetStatus
}
