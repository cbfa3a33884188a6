// What a Job needs done: pods to make and to remove, pods to count, its status. Pure. Counterpart: pkg/controller/job.
// A pod carries a finalizer until its end is on record: first its uid stands in the status, then the finalizer goes,
// then it is counted and its uid goes too, so that no end is counted twice or missed. Left out: Indexed Jobs, pod
// failure policies, success policies, adoption; `isOurs` says which Jobs are left alone for that.

import type { Job, JobCondition, JobStatus } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { controllerReference, isDeleting } from '../ownership.js'
import { isPodActive, isPodReady, isPodTerminal } from '../pod-state.js'
import { rankForDeletion } from '../replicaset/ranking.js'

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'

export interface JobInputs {
  readonly job: Job
  /** Those that it controls. */
  readonly pods: readonly Pod[]
  /** False while writes of an earlier round are not visible yet: nothing is made or removed then. */
  readonly expectationsMet: boolean
  readonly nowMs: number
}

export interface JobEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export interface JobPlan {
  readonly creations: number
  readonly deletions: readonly Pod[]
  readonly status: JobStatus
  /** For once the status is written. */
  readonly events: readonly JobEvent[]
  /** Pods whose uids stand in `status`: their finalizer may go once it is written. */
  readonly recorded: readonly Pod[]
  /** When something happens without any event: a deadline, the end of a back-off. */
  readonly requeueAfterMs: number | null
}

/** Pods made or removed in one round; the rest follows in the next. */
const burstMax = 500
/** Uids in a status; the rest follows in the next round. */
const uncountedMax = 500
const backoffFirstMs = 10_000
const backoffMaxMs = 600_000

export function isOurs({ spec }: Job): boolean {
  const manager = spec.managedBy ?? 'kubernetes.io/job-controller'
  return (
    manager === 'kubernetes.io/job-controller' &&
    spec.completionMode !== 'Indexed' &&
    spec.podFailurePolicy === undefined &&
    spec.successPolicy === undefined
  )
}

function has({ status }: Job, type: string): boolean {
  return status?.conditions?.some(one => one.type === type && one.status === 'True') ?? false
}

export const isFinished = (job: Job): boolean => has(job, 'Complete') || has(job, 'Failed')

export const isTracked = (pod: Pod): boolean =>
  pod.metadata.finalizers?.includes(trackingFinalizer) ?? false

export function planJob(inputs: JobInputs): JobPlan {
  const { job, nowMs } = inputs
  const active = inputs.pods.filter(isPodActive)
  const terminating = inputs.pods.filter(pod => isDeleting(pod) && !isPodTerminal(pod)).length
  const ends = countEnds(job, inputs.pods)
  const counts = { ...ends, active: active.length, terminating }
  const suspension = suspensionOf(job, nowMs)
  const startTime = suspension.startTime
  const deadlineMs = untilDeadline(job, startTime, nowMs)
  const end = endOf(job, counts, active, deadlineMs)
  const scale = end === null ? scaleOf(inputs, active, counts) : { creations: 0, want: 0 }
  const managed = inputs.expectationsMet && !isDeleting(job)
  const surplus = Math.max(0, active.length - scale.want)
  const waits = [deadlineMs, scale.waitMs].filter(wait => wait !== undefined && wait !== null)
  const finish = end !== null && active.length + terminating === 0 && ends.uncounted === 0
  return {
    creations: managed ? Math.min(scale.creations, burstMax) : 0,
    deletions: managed
      ? rankForDeletion(active, active, nowMs).slice(0, Math.min(surplus, burstMax))
      : [],
    status: {
      ...statusOf(counts, inputs.pods),
      ...(startTime === undefined ? {} : { startTime }),
      ...(finish && end.type === 'Complete' ? { completionTime: formatTime(nowMs) } : {}),
      ...conditionsOf(suspension.conditions, end, finish, nowMs),
    },
    events: [...suspension.events, ...(finish ? [eventOf(end)] : [])],
    recorded: ends.recorded,
    requeueAfterMs: end !== null || waits.length === 0 ? null : Math.min(...waits),
  }
}

interface Ends {
  /** Counted, and recorded to be counted. */
  readonly succeeded: number
  readonly failed: number
  readonly counted: { readonly succeeded: number; readonly failed: number }
  readonly lists: { readonly succeeded: readonly string[]; readonly failed: readonly string[] }
  readonly uncounted: number
  readonly recorded: readonly Pod[]
}

type Counts = Ends & { readonly active: number; readonly terminating: number }

function countEnds(job: Job, pods: readonly Pod[]): Ends {
  const { uncountedTerminatedPods: before, succeeded = 0, failed = 0 } = job.status ?? {}
  const tracked = new Map(pods.filter(isTracked).map(pod => [pod.metadata.uid ?? '', pod] as const))
  const counted = { succeeded, failed }
  const lists: { succeeded: string[]; failed: string[] } = { succeeded: [], failed: [] }
  const recorded: Pod[] = []
  for (const how of ['succeeded', 'failed'] as const) {
    for (const uid of before?.[how] ?? []) {
      const pod = tracked.get(uid)
      if (pod === undefined) {
        counted[how]++
        continue
      }
      tracked.delete(uid)
      lists[how].push(uid)
      recorded.push(pod)
    }
  }
  for (const [uid, pod] of tracked) {
    const how = endedHow(job, pod)
    if (how === null || recorded.length >= uncountedMax) continue
    lists[how].push(uid)
    recorded.push(pod)
  }
  return {
    succeeded: counted.succeeded + lists.succeeded.length,
    failed: counted.failed + lists.failed.length,
    counted,
    lists,
    uncounted: recorded.length,
    recorded,
  }
}

/** One that is being deleted has failed, unless the Job wants to see how it ends. */
function endedHow({ spec }: Job, pod: Pod): 'succeeded' | 'failed' | null {
  if (pod.status?.phase === 'Succeeded') return 'succeeded'
  if (pod.status?.phase === 'Failed') return 'failed'
  return isDeleting(pod) && spec.podReplacementPolicy !== 'Failed' ? 'failed' : null
}

interface Suspension {
  readonly conditions: readonly JobCondition[]
  readonly startTime: string | undefined
  readonly events: readonly JobEvent[]
}

/** Time starts anew whenever it is resumed. */
function suspensionOf(job: Job, nowMs: number): Suspension {
  const conditions = job.status?.conditions ?? []
  const old = job.status?.startTime
  if (isFinished(job)) return { conditions, startTime: old, events: [] }
  const now = formatTime(nowMs)
  const was = has(job, 'Suspended')
  const wanted = job.spec.suspend === true
  const startTime = old ?? (wanted ? undefined : now)
  if (was === wanted) return { conditions, startTime, events: [] }
  const [status, reason, word] = wanted
    ? (['True', 'JobSuspended', 'suspended'] as const)
    : (['False', 'JobResumed', 'resumed'] as const)
  const message = `Job ${word}`
  const others = conditions.filter(({ type }) => type !== 'Suspended')
  return {
    conditions: [...others, conditionOf('Suspended', status, { reason, message }, now)],
    startTime: wanted ? startTime : now,
    events: [{ type: 'Normal', reason: wanted ? 'Suspended' : 'Resumed', message }],
  }
}

/** Null without one. */
function untilDeadline(job: Job, startTime: string | undefined, nowMs: number): number | null {
  const { activeDeadlineSeconds, suspend } = job.spec
  const startMs = parseTimeMs(startTime)
  if (activeDeadlineSeconds === undefined || suspend === true || startMs === null) return null
  return Math.max(0, startMs + activeDeadlineSeconds * 1000 - nowMs)
}

interface End {
  readonly type: 'Complete' | 'Failed'
  readonly reason: string
  readonly message: string
}

/** What it comes to; null while it goes on. What is decided once stays decided. */
function endOf(
  job: Job,
  counts: Counts,
  active: readonly Pod[],
  deadlineMs: number | null,
): End | null {
  const decided = job.status?.conditions?.find(
    ({ type, status }) =>
      status === 'True' && (type === 'FailureTarget' || type === 'SuccessCriteriaMet'),
  )
  if (decided !== undefined) {
    const { reason = '', message = '' } = decided
    return { type: decided.type === 'FailureTarget' ? 'Failed' : 'Complete', reason, message }
  }
  const { completions, backoffLimit = 6 } = job.spec
  if (counts.failed > backoffLimit || restartedTooOften(job, active)) {
    const message = 'Job has reached the specified backoff limit'
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message }
  }
  if (deadlineMs === 0) {
    const message = 'Job was active longer than specified deadline'
    return { type: 'Failed', reason: 'DeadlineExceeded', message }
  }
  // Without a number one success is enough, once nobody works any more.
  const complete =
    completions === undefined
      ? counts.succeeded > 0 && counts.active === 0
      : counts.succeeded >= completions
  if (!complete) return null
  const message = 'Reached expected number of succeeded pods'
  return { type: 'Complete', reason: 'CompletionsReached', message }
}

function restartedTooOften({ spec }: Job, active: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false
  const { backoffLimit = 6 } = spec
  const restarts = active
    .flatMap(({ status }) => [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0)
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit
}

interface Scale {
  readonly want: number
  readonly creations: number
  /** Until the back-off is over. */
  readonly waitMs?: number
}

function scaleOf({ job, pods, nowMs }: JobInputs, active: readonly Pod[], counts: Counts): Scale {
  const { parallelism = 1, completions, suspend, podReplacementPolicy } = job.spec
  if (suspend === true) return { want: 0, creations: 0 }
  const draining = completions === undefined && counts.succeeded > 0
  const left = completions === undefined ? parallelism : completions - counts.succeeded
  const want = draining ? Math.min(active.length, parallelism) : Math.min(parallelism, left)
  const leaving = podReplacementPolicy === 'Failed' ? counts.terminating : 0
  const missing = Math.max(0, want - active.length - leaving)
  const waitMs = missing === 0 ? 0 : backoffMs(pods, nowMs)
  return waitMs > 0 ? { want, creations: 0, waitMs } : { want, creations: missing }
}

/** Doubles with every failure since the last success. */
function backoffMs(pods: readonly Pod[], nowMs: number): number {
  const ended = (phase: string) =>
    pods.filter(({ status }) => status?.phase === phase).map(pod => endedMs(pod, nowMs))
  const lastSuccessMs = Math.max(0, ...ended('Succeeded'))
  const failures = ended('Failed').filter(ms => ms > lastSuccessMs)
  if (failures.length === 0) return 0
  const delayMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (failures.length - 1))
  return Math.max(0, Math.max(...failures) + delayMs - nowMs)
}

function endedMs(pod: Pod, nowMs: number): number {
  const times = (pod.status?.containerStatuses ?? [])
    .map(({ state }) => parseTimeMs(state?.terminated?.finishedAt))
    .filter(ms => ms !== null)
  if (times.length > 0) return Math.max(...times)
  return parseTimeMs(pod.metadata.deletionTimestamp) ?? nowMs
}

function statusOf(
  { counted, lists, active, terminating }: Counts,
  pods: readonly Pod[],
): JobStatus {
  const { succeeded, failed } = lists
  return {
    ...(active === 0 ? {} : { active }),
    ...(counted.succeeded === 0 ? {} : { succeeded: counted.succeeded }),
    ...(counted.failed === 0 ? {} : { failed: counted.failed }),
    ready: pods.filter(pod => isPodActive(pod) && isPodReady(pod)).length,
    terminating,
    uncountedTerminatedPods: {
      ...(succeeded.length === 0 ? {} : { succeeded }),
      ...(failed.length === 0 ? {} : { failed }),
    },
  }
}

function conditionsOf(
  before: readonly JobCondition[],
  end: End | null,
  finish: boolean,
  nowMs: number,
): Pick<JobStatus, 'conditions'> {
  if (end === null) return before.length === 0 ? {} : { conditions: before }
  const aim = end.type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet'
  const missing = [aim, ...(finish ? [end.type] : [])].filter(
    type => !before.some(one => one.type === type),
  )
  const now = formatTime(nowMs)
  return { conditions: [...before, ...missing.map(type => conditionOf(type, 'True', end, now))] }
}

function conditionOf(
  type: string,
  status: string,
  { reason, message }: { readonly reason: string; readonly message: string },
  now: string,
): JobCondition {
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message }
}

function eventOf(end: End): JobEvent {
  if (end.type === 'Failed') return { type: 'Warning', reason: end.reason, message: end.message }
  return { type: 'Normal', reason: 'Completed', message: 'Job completed' }
}

export function podOf(job: Job): Pod {
  const { metadata, spec } = job.spec.template
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${job.metadata.name}-`,
      namespace: job.metadata.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      finalizers: [...(metadata?.finalizers ?? []), trackingFinalizer],
      ownerReferences: [controllerReference(job)],
    },
    spec: spec ?? { containers: [] },
  }
}
