// What a CronJob needs done: the Job that is due, those that make way for it, finished ones beyond its history, its
// status, and when to look again. Pure. Counterpart: syncCronJob of pkg/controller/cronjob. Different there: a time
// that was missed or refused is told once and not in every round; a Job made for the time that is due, whose record
// was lost, is recorded before anything is said of it.

import { parseCronSchedule, zoneInFront } from '../../api/cron-schedule.js'
import { timeZoneOf } from '../../api/time-zone.js'
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../api/types/batch.js'
import type { ObjectReference } from '../../api/types/core-reference.js'
import { referenceTo } from '../../client/event-recorder.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { finishedCondition, isFinished } from '../job/conditions.js'
import { isDeleting } from '../ownership.js'
import { jobNameAt, jobOf } from './job-template.js'
import { type Missed, Timetable } from './schedule.js'

export interface CronJobInputs {
  readonly cronJob: CronJob
  /** Those that it controls. */
  readonly jobs: readonly Job[]
  /** Uids from its list of active Jobs that the server does not know any more. */
  readonly missing: ReadonlySet<string>
  readonly nowMs: number
}

export interface CronJobEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** What holds for more than one round is told in the first: this tells one from another. */
  readonly once?: string
}

export interface CronJobPlan {
  /** Finished, and more than its history keeps. */
  readonly expired: readonly Job[]
  /** Have to be gone before anything is made. */
  readonly replaced: readonly ObjectReference[]
  readonly creation: { readonly job: Job; readonly scheduledMs: number } | null
  /** Without what is made: `statusWith` says how it is then. */
  readonly status: CronJobStatus
  /** For once the status is written. */
  readonly events: readonly CronJobEvent[]
  /** Until the next time, exactly; null when there is none to wait for. */
  readonly requeueAfterMs: number | null
}

/** Refs of active Jobs that the informer does not show: the server must be asked for them. */
export function unseenActive(
  { status }: CronJob,
  jobs: readonly Job[],
): readonly ObjectReference[] {
  const seen = new Set(jobs.map(({ metadata }) => metadata.uid))
  return (status?.active ?? []).filter(({ uid }) => !seen.has(uid))
}

export function planCronJob(inputs: CronJobInputs): CronJobPlan {
  const { cronJob, jobs, nowMs } = inputs
  const { spec } = cronJob
  const { active, events } = checkedActive(inputs)
  const status = statusOf(active, cronJob.status?.lastScheduleTime, lastSuccess(cronJob, jobs))
  const nothing = { replaced: [], creation: null, requeueAfterMs: null }
  const plan = { expired: expiredJobs(cronJob, jobs), status, events, ...nothing }
  if (isDeleting(cronJob)) return plan
  const { timetable, remarks } = timetableOf(cronJob, nowMs)
  if (timetable === null || spec.suspend === true) {
    const unasked = unexpectedJobs(cronJob, jobs, null)
    return { ...plan, events: [...events, ...unasked, ...remarks] }
  }
  const { due, missed } = dueTime(cronJob, timetable, nowMs)
  const nextMs = timetable.next(nowMs)
  const waiting: CronJobPlan = {
    ...plan,
    events: [
      ...events,
      ...unexpectedJobs(cronJob, jobs, due === null ? null : jobNameAt(cronJob, due.latestMs)),
      ...remarks,
      ...missed,
    ],
    requeueAfterMs: nextMs === null ? null : nextMs - nowMs,
  }
  return due === null ? waiting : planDue(inputs, waiting, timetable, due)
}

/** One time is due, though perhaps its Job is there already, or may not run beside another. */
function planDue(
  { cronJob, jobs }: CronJobInputs,
  waiting: CronJobPlan,
  timetable: Timetable,
  { latestMs, tooMany }: Missed,
): CronJobPlan {
  const { status } = waiting
  const { active = [] } = status
  const name = jobNameAt(cronJob, latestMs)
  const existing = jobs.find(({ metadata }) => metadata.name === name)
  if (existing !== undefined) {
    return { ...waiting, status: statusWith(waiting, existing, latestMs) }
  }
  if (active.some(ref => ref.name === name)) {
    const done = statusOf(active, formatTime(latestMs), status.lastSuccessfulTime)
    return { ...waiting, status: done }
  }
  const events = [...waiting.events, ...(tooMany ? [tooManyMissed(latestMs)] : [])]
  const policy = cronJob.spec.concurrencyPolicy
  if (policy === 'Forbid' && active.length > 0) {
    const message = 'Not starting a job: the one before still runs and concurrencyPolicy is Forbid'
    const once = `JobAlreadyActive/${latestMs}`
    const refused: CronJobEvent = { type: 'Normal', reason: 'JobAlreadyActive', message, once }
    return { ...waiting, events: [...events, refused] }
  }
  return {
    ...waiting,
    events,
    replaced: policy === 'Replace' ? active : [],
    creation: { job: jobOf(cronJob, latestMs, timetable.zone), scheduledMs: latestMs },
  }
}

/** The status of a plan once the Job for a time is there and those that it replaces are gone. */
export function statusWith(
  { status, replaced }: Pick<CronJobPlan, 'status' | 'replaced'>,
  job: Job,
  scheduledMs: number,
): CronJobStatus {
  const gone = new Set(replaced.map(({ uid }) => uid))
  const active = (status.active ?? []).filter(({ uid }) => !gone.has(uid))
  const listed = isFinished(job) || active.some(({ uid }) => uid === job.metadata.uid)
  return statusOf(
    listed ? active : [...active, referenceTo(job)],
    formatTime(scheduledMs),
    status.lastSuccessfulTime,
  )
}

/** How long a schedule that has just been changed lets us wait; null when it says nothing. */
export function untilNextMs(cronJob: CronJob, nowMs: number): number | null {
  const { timetable } = timetableOf(cronJob, nowMs)
  const nextMs = timetable?.next(nowMs) ?? null
  return nextMs === null ? null : nextMs - nowMs
}

function statusOf(
  active: readonly ObjectReference[],
  lastScheduleTime: string | undefined,
  lastSuccessfulTime: string | undefined,
): CronJobStatus {
  return {
    ...(active.length === 0 ? {} : { active }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  }
}

/** Takes those out of the list that have finished or vanished. */
function checkedActive({ cronJob, jobs, missing }: CronJobInputs): {
  readonly active: readonly ObjectReference[]
  readonly events: readonly CronJobEvent[]
} {
  const byUid = new Map(jobs.map(job => [job.metadata.uid ?? '', job] as const))
  const active: ObjectReference[] = []
  const events: CronJobEvent[] = []
  for (const ref of cronJob.status?.active ?? []) {
    const job = byUid.get(ref.uid ?? '')
    const finished = job === undefined ? undefined : finishedCondition(job)
    if (finished !== undefined) {
      const message = `Saw completed job: ${ref.name}, condition: ${finished.type}`
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message })
    } else if (job === undefined && missing.has(ref.uid ?? '')) {
      const message = `Active job went missing: ${ref.name}`
      events.push({ type: 'Normal', reason: 'MissingJob', message })
    } else {
      active.push(ref)
    }
  }
  return { active, events }
}

/** Those that run and are in no list, but for the one that is about to be put there. */
function unexpectedJobs(
  cronJob: CronJob,
  jobs: readonly Job[],
  expectedName: string | null,
): readonly CronJobEvent[] {
  const listed = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid))
  return jobs
    .filter(job => !isFinished(job) && !isDeleting(job) && !listed.has(job.metadata.uid))
    .filter(({ metadata }) => metadata.name !== expectedName)
    .map(({ metadata }) => ({
      type: 'Warning',
      reason: 'UnexpectedJob',
      message: `Saw a job that was made elsewhere, or forgotten: ${metadata.name}`,
      once: `UnexpectedJob/${metadata.uid}`,
    }))
}

function lastSuccess({ status }: CronJob, jobs: readonly Job[]): string | undefined {
  const times = jobs
    .filter(job => finishedCondition(job)?.type === 'Complete')
    .map(job => job.status?.completionTime)
  let latest = status?.lastSuccessfulTime
  for (const time of times) {
    if ((parseTimeMs(time) ?? -1) > (parseTimeMs(latest) ?? 0)) latest = time
  }
  return latest
}

/** The oldest of each kind of end; one that is being deleted fills no place. */
function expiredJobs(cronJob: CronJob, jobs: readonly Job[]): readonly Job[] {
  if (isDeleting(cronJob)) return []
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
  const beyond = (type: string, limit = Number.POSITIVE_INFINITY) => {
    const ended = jobs.filter(job => finishedCondition(job)?.type === type && !isDeleting(job))
    return ended.toSorted(byStart).slice(0, Math.max(0, ended.length - limit))
  }
  return [
    ...beyond('Complete', successfulJobsHistoryLimit),
    ...beyond('Failed', failedJobsHistoryLimit),
  ]
}

function byStart(a: Job, b: Job): number {
  const startMs = ({ status }: Job) => parseTimeMs(status?.startTime) ?? Number.MAX_SAFE_INTEGER
  const [nameA, nameB] = [a.metadata.name ?? '', b.metadata.name ?? '']
  return startMs(a) - startMs(b) || (nameA < nameB ? -1 : 1)
}

/** Since when times count: a CronJob knows nothing of what was due before it was made. */
function sinceMsOf({ metadata, status }: CronJob, nowMs: number): number {
  return parseTimeMs(status?.lastScheduleTime) ?? parseTimeMs(metadata.creationTimestamp) ?? nowMs
}

function timetableOf(
  cronJob: CronJob,
  nowMs: number,
): { readonly timetable: Timetable | null; readonly remarks: readonly CronJobEvent[] } {
  const { schedule, timeZone } = cronJob.spec
  const zoneName = zoneInFront(schedule) ?? timeZone ?? 'UTC'
  const zone = timeZoneOf(zoneName)
  if (zone === null) {
    return { timetable: null, remarks: [warning('UnknownTimeZone', zoneName)] }
  }
  const parsed = parseCronSchedule(schedule)
  if ('problem' in parsed) {
    const problem = `${JSON.stringify(schedule)}: ${parsed.problem}`
    return { timetable: null, remarks: [warning('UnparseableSchedule', problem)] }
  }
  const unsupported = schedule.includes('TZ') ? [warning('UnsupportedSchedule', schedule)] : []
  const timetable = new Timetable(parsed.schedule, zone, sinceMsOf(cronJob, nowMs))
  return { timetable, remarks: unsupported }
}

const warnings = {
  UnknownTimeZone: 'unknown time zone',
  UnparseableSchedule: 'unparseable schedule',
  UnsupportedSchedule: 'a time zone within the schedule is not supported, use timeZone instead',
} as const

function warning(reason: keyof typeof warnings, what: string): CronJobEvent {
  const message = `${warnings[reason]}: ${what}`
  return { type: 'Warning', reason, message, once: `${reason}/${what}` }
}

/** The latest time that is due and not too late; one that is too late is told. */
function dueTime(
  cronJob: CronJob,
  timetable: Timetable,
  nowMs: number,
): { readonly due: Missed | null; readonly missed: readonly CronJobEvent[] } {
  const sinceMs = sinceMsOf(cronJob, nowMs)
  const earliestMs = Math.max(sinceMs, nowMs - deadlineMs(cronJob.spec) - 1)
  const due = timetable.missed(earliestMs, nowMs)
  if (due !== null || earliestMs === sinceMs) return { due, missed: [] }
  const late = timetable.missed(sinceMs, earliestMs)
  if (late === null) return { due, missed: [] }
  const time = new Date(late.latestMs).toUTCString().replace('GMT', '+0000')
  const message = `Missed scheduled time to start a job: ${time}`
  const once = `MissSchedule/${late.latestMs}`
  return { due, missed: [{ type: 'Warning', reason: 'MissSchedule', message, once }] }
}

function deadlineMs({ startingDeadlineSeconds }: CronJobSpec): number {
  if (startingDeadlineSeconds === undefined) return Number.POSITIVE_INFINITY
  return startingDeadlineSeconds * 1000
}

function tooManyMissed(latestMs: number): CronJobEvent {
  const message =
    'too many missed start times: only the latest is run. Set or decrease ' +
    '.spec.startingDeadlineSeconds or check clock skew'
  const once = `TooManyMissedTimes/${latestMs}`
  return { type: 'Warning', reason: 'TooManyMissedTimes', message, once }
}
