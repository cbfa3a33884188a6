// What a Job makes of a pod that failed, by its exit codes and its conditions. Pure.
// Counterpart: pod_failure_policy.go of pkg/controller/job.

import type {
  Job,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
} from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { ContainerStatus } from '../../api/types/core-pod-status.js'
import { endedHow } from './tracking.js'

export interface FailureVerdict {
  /** FailJob, FailIndex, Count or Ignore. */
  readonly action: string
  /** Which rule it was, and why, in words. */
  readonly message: string
}

/** Of the first rule that the pod, which has failed, matches; null without one: it counts. */
export function failureVerdict({ spec }: Job, pod: Pod): FailureVerdict | null {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = matchedBy(rule, pod)
    if (why === null) continue
    return { action: rule.action, message: `${why} matching ${rule.action} rule at index ${index}` }
  }
  return null
}

/** Whether the failure counts towards the limits. */
export function countsAsFailure(job: Job, pod: Pod): boolean {
  return failureVerdict(job, pod)?.action !== 'Ignore'
}

/** Why the whole Job has failed with one of the pods; null when it has not. */
export function failJobMessage(job: Job, pods: readonly Pod[]): string | null {
  if (job.spec.podFailurePolicy === undefined) return null
  for (const pod of pods) {
    if (endedHow(job, pod) !== 'failed') continue
    const verdict = failureVerdict(job, pod)
    if (verdict?.action === 'FailJob') return verdict.message
  }
  return null
}

function matchedBy({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod) {
  if (onExitCodes !== undefined) return matchedByExitCode(onExitCodes, pod)
  return onPodConditions === undefined ? null : matchedByCondition(onPodConditions, pod)
}

function matchedByExitCode(
  requirement: PodFailurePolicyOnExitCodesRequirement,
  { metadata, status }: Pod,
): string | null {
  const { containerStatuses = [], initContainerStatuses = [] } = status ?? {}
  for (const container of [...containerStatuses, ...initContainerStatuses]) {
    const exitCode = requiredExitCode(requirement, container)
    if (exitCode === null) continue
    const where = `${metadata.namespace}/${metadata.name}`
    return `Container ${container.name} for pod ${where} failed with exit code ${exitCode}`
  }
  return null
}

/** Success is never a reason, not even for "none of these". */
function requiredExitCode(
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
  { name, state }: ContainerStatus,
): number | null {
  const exitCode = state?.terminated?.exitCode ?? 0
  if (exitCode === 0 || (containerName !== undefined && containerName !== name)) return null
  return values.includes(exitCode) === (operator === 'In') ? exitCode : null
}

function matchedByCondition(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  { metadata, status }: Pod,
): string | null {
  for (const { type, status: is } of status?.conditions ?? []) {
    // Defaults say True where a pattern says nothing.
    if (!patterns.some(one => one.type === type && (one.status ?? 'True') === is)) continue
    return `Pod ${metadata.namespace}/${metadata.name} has condition ${type}`
  }
  return null
}
