// What a Job needs done: pods to make and to remove, pods to count, its status. Pure. Counterpart: pkg/controller/job.
// The parts: scale.ts (how many pods, which), ends.ts (each end counted once), indexes.ts (Indexed Jobs),
// failure-policy.ts, success-policy.ts, backoff.ts. Which pods are its own: claims.ts.

import { countIndexes, formatIndexes } from '../../api/job-indexes.js'
import type { Job, JobCondition, JobStatus } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import { isPodActive, isPodReady, isPodTerminal } from '../pod-state.js'
import { hasCondition, isFinished } from './conditions.js'
import { countEnds, type Ends } from './ends.js'
import { failJobMessage } from './failure-policy.js'
import { indexesOf, type JobIndexes } from './indexes.js'
import { scaleOf } from './scale.js'
import { metSuccessPolicy } from './success-policy.js'

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
  readonly creations: readonly Pod[]
  readonly deletions: readonly Pod[]
  /** Those are sent away, which is no failure of theirs: their finalizer goes before them. */
  readonly uncounted: boolean
  readonly status: JobStatus
  /** For once the status is written. */
  readonly events: readonly JobEvent[]
  /** Pods whose ends stand in `status`: their finalizer may go once it is written. */
  readonly recorded: readonly Pod[]
  /** When something happens without any event: a deadline, the end of a back-off. */
  readonly requeueAfterMs: number | null
}

/** Others have a controller of their own. */
export function isOurs({ spec }: Job): boolean {
  const ours = 'kubernetes.io/job-controller'
  return (spec.managedBy ?? ours) === ours
}

export function planJob(inputs: JobInputs): JobPlan {
  const { job, pods, nowMs } = inputs
  const active = pods.filter(isPodActive)
  const terminating = pods.filter(pod => isDeleting(pod) && !isPodTerminal(pod)).length
  const indexes = indexesOf(job, pods, nowMs)
  const kept = new Set(indexes?.awaiting.values())
  const seen = { ...countEnds(job, pods, indexes, kept), active: active.length, terminating }
  const suspension = suspensionOf(job, nowMs)
  const startTime = suspension.startTime
  const deadlineMs = untilDeadline(job, startTime, nowMs)
  const end = endOf(inputs, seen, { active, indexes, deadlineMs })
  // Nothing is tried again any more: what was kept for that is put on record.
  const ended = end !== null || isDeleting(job)
  const counts = ended ? { ...seen, ...countEnds(job, pods, indexes, new Set()) } : seen
  const scale = scaleOf({ ...counts, job, pods, active, indexes, over: end !== null, nowMs })
  const managed = inputs.expectationsMet && !isDeleting(job)
  const waits = [deadlineMs, scale.waitMs].filter(wait => wait !== null)
  const finish = end !== null && active.length + terminating === 0 && counts.recorded.length === 0
  return {
    creations: managed ? scale.creations : [],
    deletions: managed ? scale.deletions : [],
    uncounted: end === null,
    status: {
      ...statusOf(counts, pods, indexes),
      ...(startTime === undefined ? {} : { startTime }),
      ...(finish && end.type === 'Complete'
        ? { completionTime: completionTimeOf(startTime, nowMs) }
        : {}),
      ...conditionsOf(suspension.conditions, end, finish, nowMs),
    },
    events: [...suspension.events, ...(finish ? [eventOf(end)] : [])],
    recorded: counts.recorded,
    requeueAfterMs: end !== null || waits.length === 0 ? null : Math.min(...waits),
  }
}

/** Clocks of masters differ and jump, and the API refuses a Job that has ended before it began. */
function completionTimeOf(startTime: string | undefined, nowMs: number): string {
  return formatTime(Math.max(nowMs, parseTimeMs(startTime) ?? nowMs))
}

type Counts = Ends & { readonly active: number; readonly terminating: number }

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
  const was = hasCondition(job, 'Suspended')
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

const failed = (reason: string, message: string): End => ({ type: 'Failed', reason, message })
const complete = (reason: string, message: string): End => ({ type: 'Complete', reason, message })

/** What it comes to; null while it goes on. What is decided once stays decided. */
function endOf(
  { job, pods }: JobInputs,
  counts: Counts,
  state: {
    readonly active: readonly Pod[]
    readonly indexes: JobIndexes | null
    readonly deadlineMs: number | null
  },
): End | null {
  const decided = job.status?.conditions?.find(
    ({ type, status }) =>
      status === 'True' && (type === 'FailureTarget' || type === 'SuccessCriteriaMet'),
  )
  if (decided !== undefined) {
    const { reason = '', message = '' } = decided
    return decided.type === 'FailureTarget' ? failed(reason, message) : complete(reason, message)
  }
  const unforgiven = failJobMessage(job, pods)
  if (unforgiven !== null) return failed('PodFailurePolicy', unforgiven)
  if (counts.failed > backoffLimitOf(job) || restartedTooOften(job, state.active)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  if (state.deadlineMs === 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  return endOfIndexes(job, state.indexes) ?? endByCompletions(job, counts)
}

/** Indexes with limits of their own leave that of the Job unlimited unless it is given, too. */
function backoffLimitOf({ spec }: Job): number {
  const { backoffLimit, backoffLimitPerIndex } = spec
  return backoffLimit ?? (backoffLimitPerIndex === undefined ? 6 : Number.POSITIVE_INFINITY)
}

function endOfIndexes(job: Job, indexes: JobIndexes | null): End | null {
  if (indexes === null) return null
  const failures = countIndexes(indexes.failed ?? [])
  if (failures > (job.spec.maxFailedIndexes ?? Number.POSITIVE_INFINITY)) {
    const message = 'Job has exceeded the specified maximal number of failed indexes'
    return failed('MaxFailedIndexesExceeded', message)
  }
  if (failures > 0 && failures + countIndexes(indexes.succeeded) >= indexes.completions) {
    return failed('FailedIndexes', 'Job has failed indexes')
  }
  const met = metSuccessPolicy(job, indexes.succeeded)
  return met === null ? null : complete('SuccessPolicy', met)
}

/** Without a number one success is enough, once nobody works any more. */
function endByCompletions({ spec }: Job, { succeeded, active }: Counts): End | null {
  const { completions } = spec
  const enough =
    completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions
  return enough ? complete('CompletionsReached', 'Reached expected number of succeeded pods') : null
}

function restartedTooOften(job: Job, active: readonly Pod[]): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false
  const limit = backoffLimitOf(job)
  const restarts = active
    .flatMap(({ status }) => [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0)
  return limit === 0 ? restarts > 0 : restarts >= limit
}

function statusOf(
  { counted, lists, active, terminating }: Counts,
  pods: readonly Pod[],
  indexes: JobIndexes | null,
): JobStatus {
  const { succeeded, failed: failures } = lists
  const completedIndexes = formatIndexes(indexes?.succeeded ?? [])
  return {
    ...(active === 0 ? {} : { active }),
    ...(counted.succeeded === 0 ? {} : { succeeded: counted.succeeded }),
    ...(counted.failed === 0 ? {} : { failed: counted.failed }),
    ready: pods.filter(pod => isPodActive(pod) && isPodReady(pod)).length,
    terminating,
    uncountedTerminatedPods: {
      ...(succeeded.length === 0 ? {} : { succeeded }),
      ...(failures.length === 0 ? {} : { failed: failures }),
    },
    ...(completedIndexes === '' ? {} : { completedIndexes }),
    ...(indexes?.failed ? { failedIndexes: formatIndexes(indexes.failed) } : {}),
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
