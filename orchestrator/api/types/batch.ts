// The types of ../schema/batch.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject, ObjectMeta } from '../object.js'
import type { PodTemplateSpec } from './core-pod.js'
import type { ObjectReference } from './core-reference.js'
import type { LabelSelector } from './meta.js'

export interface PodFailurePolicyOnExitCodesRequirement {
  readonly containerName?: string
  readonly operator: string
  readonly values: readonly number[]
}

export interface PodFailurePolicyOnPodConditionsPattern {
  readonly type: string
  readonly status?: string
}

export interface PodFailurePolicyRule {
  readonly action: string
  readonly onExitCodes?: PodFailurePolicyOnExitCodesRequirement
  readonly onPodConditions?: readonly PodFailurePolicyOnPodConditionsPattern[]
}

export interface PodFailurePolicy {
  readonly rules: readonly PodFailurePolicyRule[]
}

export interface SuccessPolicyRule {
  readonly succeededIndexes?: string
  readonly succeededCount?: number
}

export interface SuccessPolicy {
  readonly rules: readonly SuccessPolicyRule[]
}

export interface JobSpec {
  readonly parallelism?: number
  readonly completions?: number
  readonly activeDeadlineSeconds?: number
  readonly selector?: LabelSelector
  readonly manualSelector?: boolean
  readonly template: PodTemplateSpec
  readonly backoffLimit?: number
  readonly ttlSecondsAfterFinished?: number
  readonly completionMode?: string
  readonly suspend?: boolean
  readonly podFailurePolicy?: PodFailurePolicy
  readonly backoffLimitPerIndex?: number
  readonly maxFailedIndexes?: number
  readonly podReplacementPolicy?: string
  readonly managedBy?: string
  readonly successPolicy?: SuccessPolicy
}

export interface JobCondition {
  readonly type: string
  readonly status: string
  readonly lastProbeTime?: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface UncountedTerminatedPods {
  readonly succeeded?: readonly string[]
  readonly failed?: readonly string[]
}

export interface JobStatus {
  readonly conditions?: readonly JobCondition[]
  readonly startTime?: string
  readonly completionTime?: string
  readonly active?: number
  readonly succeeded?: number
  readonly failed?: number
  readonly completedIndexes?: string
  readonly uncountedTerminatedPods?: UncountedTerminatedPods
  readonly ready?: number
  readonly failedIndexes?: string
  readonly terminating?: number
}

export interface Job extends KubeObject {
  readonly spec: JobSpec
  readonly status?: JobStatus
}

export interface JobTemplateSpec {
  readonly metadata?: ObjectMeta
  readonly spec?: JobSpec
}

export interface CronJobSpec {
  readonly schedule: string
  readonly startingDeadlineSeconds?: number
  readonly concurrencyPolicy?: string
  readonly suspend?: boolean
  readonly jobTemplate: JobTemplateSpec
  readonly successfulJobsHistoryLimit?: number
  readonly failedJobsHistoryLimit?: number
  readonly timeZone?: string
}

export interface CronJobStatus {
  readonly active?: readonly ObjectReference[]
  readonly lastScheduleTime?: string
  readonly lastSuccessfulTime?: string
}

export interface CronJob extends KubeObject {
  readonly spec: CronJobSpec
  readonly status?: CronJobStatus
}
