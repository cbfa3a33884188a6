// Jobs and CronJobs.
// Counterpart: batch/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { podTemplateSpec } from './core-pod.js'
import { objectReference } from './core-reference.js'
import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  int64,
  list,
  pointer,
  set,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const podFailurePolicyOnExitCodesRequirement: StructSchema = struct(
  'io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement',
  {
    containerName: pointer(1, string),
    operator: always(2, string, { enum: ['In', 'NotIn'], required: true }),
    values: always(3, set(int32), { required: true }),
  },
)

export const podFailurePolicyOnPodConditionsPattern: StructSchema = struct(
  'io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern',
  {
    type: always(1, string, { required: true }),
    status: always(2, string),
  },
)

export const podFailurePolicyRule: StructSchema = struct(
  'io.k8s.api.batch.v1.PodFailurePolicyRule',
  {
    action: always(1, string, {
      enum: ['Count', 'FailIndex', 'FailJob', 'Ignore'],
      required: true,
    }),
    onExitCodes: pointer(2, podFailurePolicyOnExitCodesRequirement),
    onPodConditions: field(3, list(podFailurePolicyOnPodConditionsPattern)),
  },
)

export const podFailurePolicy: StructSchema = struct('io.k8s.api.batch.v1.PodFailurePolicy', {
  rules: always(1, list(podFailurePolicyRule), { required: true }),
})

export const successPolicyRule: StructSchema = struct('io.k8s.api.batch.v1.SuccessPolicyRule', {
  succeededIndexes: pointer(1, string),
  succeededCount: pointer(2, int32),
})

export const successPolicy: StructSchema = struct('io.k8s.api.batch.v1.SuccessPolicy', {
  rules: always(1, list(successPolicyRule), { required: true }),
})

export const jobSpec: StructSchema = struct('io.k8s.api.batch.v1.JobSpec', {
  parallelism: pointer(1, int32),
  completions: pointer(2, int32),
  activeDeadlineSeconds: pointer(3, int64),
  selector: pointer(4, labelSelector),
  manualSelector: pointer(5, bool),
  template: always(6, podTemplateSpec, { required: true }),
  backoffLimit: pointer(7, int32),
  ttlSecondsAfterFinished: pointer(8, int32),
  completionMode: pointer(9, string, { enum: ['Indexed', 'NonIndexed'] }),
  suspend: pointer(10, bool),
  podFailurePolicy: pointer(11, podFailurePolicy),
  backoffLimitPerIndex: pointer(12, int32),
  maxFailedIndexes: pointer(13, int32),
  podReplacementPolicy: pointer(14, string, { enum: ['Failed', 'TerminatingOrFailed'] }),
  managedBy: pointer(15, string),
  successPolicy: pointer(16, successPolicy),
})

export const jobCondition: StructSchema = struct('io.k8s.api.batch.v1.JobCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastProbeTime: field(3, time),
  lastTransitionTime: field(4, time),
  reason: field(5, string),
  message: field(6, string),
})

export const uncountedTerminatedPods: StructSchema = struct(
  'io.k8s.api.batch.v1.UncountedTerminatedPods',
  {
    succeeded: field(1, set(string)),
    failed: field(2, set(string)),
  },
)

export const jobStatus: StructSchema = struct('io.k8s.api.batch.v1.JobStatus', {
  conditions: field(1, list(jobCondition), { mergeKey: 'type' }),
  startTime: pointer(2, time),
  completionTime: pointer(3, time),
  active: field(4, int32),
  succeeded: field(5, int32),
  failed: field(6, int32),
  completedIndexes: field(7, string),
  uncountedTerminatedPods: pointer(8, uncountedTerminatedPods),
  ready: pointer(9, int32),
  failedIndexes: pointer(10, string),
  terminating: pointer(11, int32),
})

export const job: StructSchema = struct(
  'io.k8s.api.batch.v1.Job',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, jobSpec),
    status: field(3, jobStatus),
  },
  { description: 'Runs pods until enough of them have succeeded.' },
)

export const jobTemplateSpec: StructSchema = struct('io.k8s.api.batch.v1.JobTemplateSpec', {
  metadata: field(1, objectMeta),
  spec: field(2, jobSpec),
})

export const cronJobSpec: StructSchema = struct('io.k8s.api.batch.v1.CronJobSpec', {
  schedule: always(1, string, { required: true }),
  startingDeadlineSeconds: pointer(2, int64),
  concurrencyPolicy: field(3, string, { enum: ['Allow', 'Forbid', 'Replace'] }),
  suspend: pointer(4, bool),
  jobTemplate: always(5, jobTemplateSpec, { required: true }),
  successfulJobsHistoryLimit: pointer(6, int32),
  failedJobsHistoryLimit: pointer(7, int32),
  timeZone: pointer(8, string),
})

export const cronJobStatus: StructSchema = struct('io.k8s.api.batch.v1.CronJobStatus', {
  active: field(1, list(objectReference)),
  lastScheduleTime: pointer(4, time),
  lastSuccessfulTime: pointer(5, time),
})

export const cronJob: StructSchema = struct(
  'io.k8s.api.batch.v1.CronJob',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, cronJobSpec, { required: true }),
    status: field(3, cronJobStatus),
  },
  { description: 'Makes a Job whenever the clock says so.' },
)
