// What Jobs and CronJobs mean when they do not say, and the selector that every Job gets of its own.
// Counterpart: pkg/apis/batch/v1/defaults.go, and generateSelector of pkg/registry/batch/job.

import type { KubeObject } from '../object.js'
import type { CronJob, Job, JobSpec, PodFailurePolicy } from '../types/batch.js'
import { templateOf } from './workload.js'

const backoffLimit = 6
/** With a limit for each index, the one for all of them stands back. */
const noBackoffLimit = 2 ** 31 - 1
const successfulJobsHistoryLimit = 3
const failedJobsHistoryLimit = 1

export function jobDefaults(object: KubeObject): KubeObject {
  const job = object as Partial<Job> & KubeObject
  const { spec } = job
  if (spec === undefined) return object
  const complete: Job = {
    ...job,
    metadata: withLabelsOf(job.metadata, spec.template?.metadata?.labels),
    spec: {
      ...spec,
      ...templateOf(spec.template),
      ...completionsOf(spec),
      parallelism: spec.parallelism ?? 1,
      backoffLimit:
        spec.backoffLimit ??
        (spec.backoffLimitPerIndex === undefined ? backoffLimit : noBackoffLimit),
      manualSelector: spec.manualSelector ?? false,
      completionMode: spec.completionMode ?? 'NonIndexed',
      suspend: spec.suspend ?? false,
      ...(spec.podFailurePolicy === undefined
        ? {}
        : { podFailurePolicy: failurePolicyDefaults(spec.podFailurePolicy) }),
      podReplacementPolicy:
        spec.podReplacementPolicy ??
        (spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    },
  }
  return complete
}

/** Nothing said means one pod once; parallelism alone means workers that agree on when they are done. */
function completionsOf({ completions, parallelism }: JobSpec): Pick<JobSpec, 'completions'> {
  if (completions !== undefined) return { completions }
  return parallelism === undefined ? { completions: 1 } : {}
}

function failurePolicyDefaults(policy: PodFailurePolicy): PodFailurePolicy {
  const rules = policy.rules.map(rule =>
    rule.onPodConditions === undefined
      ? rule
      : {
          ...rule,
          onPodConditions: rule.onPodConditions.map(p => ({ ...p, status: p.status || 'True' })),
        },
  )
  return { ...policy, rules }
}

/** What makes pods is found by the labels of its pods where it has none of its own. */
export function withLabelsOf(
  metadata: KubeObject['metadata'],
  labels: KubeObject['metadata']['labels'],
): KubeObject['metadata'] {
  const bare = Object.keys(metadata.labels ?? {}).length === 0
  return bare && labels !== undefined ? { ...metadata, labels } : metadata
}

/**
 * Labels and a selector that no other Job has. What the user wrote of them stays, for validation to
 * compare. `job` has its name and uid.
 */
export function withGeneratedSelector(object: KubeObject): Job {
  const job = object as Job
  const { spec } = job
  if (spec.manualSelector === true) return job
  const { name = '', uid = '' } = job.metadata
  const { template, selector } = spec
  const labels = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    ...template.metadata?.labels,
  }
  const matchLabels = { 'batch.kubernetes.io/controller-uid': uid, ...selector?.matchLabels }
  return {
    ...job,
    spec: {
      ...spec,
      selector: { ...selector, matchLabels },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

/** The Jobs to come get their own defaults when they are made; only their pods are filled in here. */
export function cronJobDefaults(object: KubeObject): KubeObject {
  const cronJob = object as Partial<CronJob> & KubeObject
  const { spec } = cronJob
  if (spec === undefined) return object
  const jobSpec = spec.jobTemplate?.spec
  const complete: CronJob = {
    ...cronJob,
    spec: {
      ...spec,
      ...(jobSpec === undefined
        ? {}
        : {
            jobTemplate: {
              ...spec.jobTemplate,
              spec: { ...jobSpec, ...templateOf(jobSpec.template) },
            },
          }),
      concurrencyPolicy: spec.concurrencyPolicy || 'Allow',
      suspend: spec.suspend ?? false,
      successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? successfulJobsHistoryLimit,
      failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? failedJobsHistoryLimit,
    },
  }
  return complete
}
