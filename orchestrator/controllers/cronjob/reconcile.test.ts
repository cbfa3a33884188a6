import { describe, expect, test } from 'vitest'
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../api/types/batch.js'
import { referenceTo } from '../../client/event-recorder.js'
import { formatTime } from '../../client/timestamps.js'
import { controllerReference } from '../ownership.js'
import { nowMs as noonMs, secondsAgo } from '../testing/objects.js'
import type { CronJobPlan } from './reconcile.js'
import { planCronJob, statusWith, unseenActive, untilNextMs } from './reconcile.js'

const minuteMs = 60_000
const noonMinute = noonMs / minuteMs
const atNoon = formatTime(noonMs)
const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }

/** Made an hour ago. */
function cronJob(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: {
      namespace: 'shop',
      name: 'tick',
      uid: 'uid-tick',
      creationTimestamp: secondsAgo(3600),
    },
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy: 'Allow',
      jobTemplate: { spec: { template } },
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      ...spec,
    },
    status,
  }
}

function job(name: string, ended: 'Complete' | 'Failed' | null = null, secondsOld = 60): Job {
  const condition = { type: ended ?? '', status: 'True', lastTransitionTime: atNoon }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      ownerReferences: [controllerReference(cronJob())],
    },
    spec: { template },
    status: {
      startTime: secondsAgo(secondsOld),
      ...(ended === null ? {} : { conditions: [condition] }),
      ...(ended === 'Complete' ? { completionTime: secondsAgo(secondsOld - 10) } : {}),
    },
  }
}

const listing = (...names: readonly string[]) => ({
  active: names.map(name => referenceTo(job(name))),
})
const lastMinute = { lastScheduleTime: secondsAgo(60) }
const lastHour = { lastScheduleTime: secondsAgo(3600) }

function plan(
  of: CronJob,
  jobs: readonly Job[] = [],
  more: { readonly missing?: readonly string[]; readonly nowMs?: number } = {},
): CronJobPlan {
  const { missing = [], nowMs = noonMs } = more
  return planCronJob({ cronJob: of, jobs, missing: new Set(missing), nowMs })
}

const reasons = ({ events }: CronJobPlan) => events.map(({ reason }) => reason)
const created = ({ creation }: CronJobPlan) => creation?.job.metadata.name ?? null

describe('what is due', () => {
  test('a Job for the latest time, named by its minute', () => {
    const made = plan(cronJob({}, lastMinute))
    expect(created(made)).toBe(`tick-${noonMinute}`)
    expect(made.creation?.scheduledMs).toBe(noonMs)
    expect(made.events).toEqual([])
  })
  test('nothing before its time', () => {
    expect(created(plan(cronJob({}, { lastScheduleTime: atNoon })))).toBeNull()
  })
  test('nothing that was due before it was made', () => {
    const young = cronJob({ schedule: '0 11 * * *' })
    expect(created(plan(young))).toBeNull()
    expect(created(plan(cronJob({ schedule: '0 12 * * *' })))).toBe(`tick-${noonMinute}`)
  })
  test('of several missed times the latest, and nothing is said', () => {
    const made = plan(cronJob({ schedule: '*/5 * * * *' }, lastHour), [], {
      nowMs: noonMs + 3 * minuteMs,
    })
    expect(created(made)).toBe(`tick-${noonMinute}`)
    expect(reasons(made)).toEqual([])
  })
  test('more than a hundred missed times: TooManyMissedTimes, and the latest is run', () => {
    const made = plan(cronJob({}, { lastScheduleTime: secondsAgo(200 * 60) }))
    expect(created(made)).toBe(`tick-${noonMinute}`)
    expect(reasons(made)).toEqual(['TooManyMissedTimes'])
  })
  test('times before the starting deadline are not counted as missed', () => {
    const spec = { startingDeadlineSeconds: 200 }
    const made = plan(cronJob(spec, { lastScheduleTime: secondsAgo(200 * 60) }))
    expect(created(made)).toBe(`tick-${noonMinute}`)
    expect(reasons(made)).toEqual([])
  })
  test('a time whose starting deadline is over is not run: MissSchedule', () => {
    const spec = { schedule: '0 * * * *', startingDeadlineSeconds: 30 }
    const intime = plan(cronJob(spec, lastHour), [], { nowMs: noonMs + 30_000 })
    expect(created(intime)).toBe(`tick-${noonMinute}`)
    const late = plan(cronJob(spec, lastHour), [], { nowMs: noonMs + 30_001 })
    expect(created(late)).toBeNull()
    expect(late.events).toMatchObject([
      {
        type: 'Warning',
        reason: 'MissSchedule',
        message: 'Missed scheduled time to start a job: Thu, 01 Jan 2026 12:00:00 +0000',
        once: `MissSchedule/${noonMs}`,
      },
    ])
    expect(late.requeueAfterMs).toBe(3_600_000 - 30_001)
  })
  test('@every has a starting deadline, too', () => {
    const spec = { schedule: '@every 1h', startingDeadlineSeconds: 60 }
    expect(created(plan(cronJob(spec, lastHour), [], { nowMs: noonMs + 500 }))).toBe(
      `tick-${noonMinute}`,
    )
  })
  test('none while it is suspended, and the latest when it is resumed', () => {
    const resting = plan(cronJob({ suspend: true }, lastHour))
    expect([created(resting), resting.requeueAfterMs]).toEqual([null, null])
    expect(created(plan(cronJob({ suspend: false }, lastHour)))).toBe(`tick-${noonMinute}`)
  })
  test('none while it is being deleted, and its history stays', () => {
    const of = cronJob({ successfulJobsHistoryLimit: 0 }, lastHour)
    const metadata = { ...of.metadata, deletionTimestamp: atNoon }
    const made = plan({ ...of, metadata }, [job('a', 'Complete')])
    expect([created(made), made.expired, made.requeueAfterMs]).toEqual([null, [], null])
  })
})

describe('when to look again', () => {
  test.each([
    ['at the next time exactly', '* * * * *', noonMs + 59_999, 1],
    ['also right at one', '* * * * *', noonMs, minuteMs],
    ['a moment too early', '0 13 * * *', noonMs + 60 * minuteMs - 1, 1],
    ['every so often counts from the last time', '@every 90s', noonMs + 1000, 29_000],
    ['not for what is never due', '0 0 31 2 *', noonMs, null],
  ])('%s', (_, schedule, nowMs, expected) => {
    expect(plan(cronJob({ schedule }, lastMinute), [], { nowMs }).requeueAfterMs).toBe(expected)
  })
  test('a changed schedule is waited for', () => {
    expect(untilNextMs(cronJob({ schedule: '0 13 * * *' }), noonMs)).toBe(60 * minuteMs)
    expect(untilNextMs(cronJob({ schedule: 'x' }), noonMs)).toBeNull()
  })
})

describe('time zones', () => {
  test('the hour is that of timeZone, and the annotation says so', () => {
    const of = cronJob({ schedule: '0 13 * * *', timeZone: 'Europe/Berlin' }, lastHour)
    const made = plan(of)
    expect(created(made)).toBe(`tick-${noonMinute}`)
    expect(made.creation?.job.metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T13:00:00+01:00',
    })
  })
  test('a zone that nobody knows: UnknownTimeZone', () => {
    const made = plan(cronJob({ timeZone: 'Europe/Nowhere' }, lastHour))
    expect([created(made), reasons(made)]).toEqual([null, ['UnknownTimeZone']])
  })
  test('a zone within the schedule still counts: UnsupportedSchedule', () => {
    const made = plan(cronJob({ schedule: 'CRON_TZ=Europe/Berlin 0 13 * * *' }, lastHour))
    expect([created(made), reasons(made)]).toEqual([`tick-${noonMinute}`, ['UnsupportedSchedule']])
  })
  test('a schedule that nobody understands: UnparseableSchedule', () => {
    const made = plan(cronJob({ schedule: '* * *' }, lastHour))
    expect([created(made), reasons(made)]).toEqual([null, ['UnparseableSchedule']])
  })
})

describe('concurrencyPolicy', () => {
  const beside = { ...lastMinute, ...listing('old') }
  test('Allow starts one beside another', () => {
    const made = plan(cronJob({ concurrencyPolicy: 'Allow' }, beside), [job('old')])
    expect([created(made), made.replaced]).toEqual([`tick-${noonMinute}`, []])
  })
  test('Forbid does not, and says JobAlreadyActive', () => {
    const made = plan(cronJob({ concurrencyPolicy: 'Forbid' }, beside), [job('old')])
    expect([created(made), reasons(made)]).toEqual([null, ['JobAlreadyActive']])
    expect(made.status.lastScheduleTime).toBe(lastMinute.lastScheduleTime)
  })
  test('Forbid makes up for it once the other has finished', () => {
    const later = { nowMs: noonMs + 20_000 }
    const of = cronJob({ concurrencyPolicy: 'Forbid' }, beside)
    expect(created(plan(of, [job('old', 'Complete')], later))).toBe(`tick-${noonMinute}`)
  })
  test('Replace deletes the one that runs', () => {
    const made = plan(cronJob({ concurrencyPolicy: 'Replace' }, beside), [job('old')])
    expect(made.replaced.map(({ name }) => name)).toEqual(['old'])
    const fresh = { ...job('new'), metadata: { ...job('new').metadata, uid: 'uid-new' } }
    const { active = [] } = statusWith(made, fresh, noonMs)
    expect(active.map(({ name }) => name)).toEqual(['new'])
  })
})

describe('the Job', () => {
  const jobTemplate = {
    metadata: { labels: { app: 'tick' }, annotations: { note: 'n' } },
    spec: { template, backoffLimit: 2 },
  }
  test('has labels, annotations and spec of the template, the scheduled time and its owner', () => {
    expect(plan(cronJob({ jobTemplate }, lastMinute)).creation?.job).toEqual({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: `tick-${noonMinute}`,
        namespace: 'shop',
        labels: { app: 'tick' },
        annotations: {
          note: 'n',
          'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T12:00:00Z',
        },
        ownerReferences: [controllerReference(cronJob())],
      },
      spec: { template, backoffLimit: 2 },
    })
  })
  test('that exists already under its name is not made twice, but recorded', () => {
    const there = job(`tick-${noonMinute}`)
    const made = plan(cronJob({ concurrencyPolicy: 'Forbid' }, lastMinute), [there])
    expect([created(made), reasons(made)]).toEqual([null, []])
    expect(made.status).toEqual({ active: [referenceTo(there)], lastScheduleTime: atNoon })
  })
  test('that is listed and not shown yet is not made twice either', () => {
    const made = plan(cronJob({}, { ...lastMinute, ...listing(`tick-${noonMinute}`) }))
    expect(created(made)).toBeNull()
    expect(made.status.lastScheduleTime).toBe(atNoon)
  })
  test('that has finished already is recorded and not listed', () => {
    const made = plan(cronJob({}, lastMinute), [job(`tick-${noonMinute}`, 'Failed')])
    expect(made.status).toEqual({ lastScheduleTime: atNoon })
  })
  test('once made stands in the status', () => {
    const of = cronJob({}, lastMinute)
    const status = statusWith(plan(of), job(`tick-${noonMinute}`), noonMs)
    expect(status).toEqual({ ...listing(`tick-${noonMinute}`), lastScheduleTime: atNoon })
  })
})

describe('the list of active Jobs', () => {
  const done = { lastScheduleTime: atNoon }
  test('loses those that finished: SawCompletedJob', () => {
    const of = cronJob({}, { ...done, ...listing('a', 'b', 'c') })
    const made = plan(of, [job('a', 'Complete'), job('b'), job('c', 'Failed')])
    expect(made.status.active?.map(({ name }) => name)).toEqual(['b'])
    expect(made.events.map(({ message }) => message)).toEqual([
      'Saw completed job: a, condition: Complete',
      'Saw completed job: c, condition: Failed',
    ])
    expect(reasons(made)).toEqual(['SawCompletedJob', 'SawCompletedJob'])
  })
  test('loses those that vanished: MissingJob', () => {
    const of = cronJob({}, { ...done, ...listing('a', 'b') })
    const made = plan(of, [], { missing: ['uid-a'] })
    expect(made.status.active?.map(({ name }) => name)).toEqual(['b'])
    expect(reasons(made)).toEqual(['MissingJob'])
  })
  test('keeps those that are only not shown, and names them to be asked for', () => {
    const of = cronJob({}, { ...done, ...listing('a', 'b') })
    expect(unseenActive(of, [job('a')]).map(({ name }) => name)).toEqual(['b'])
    expect(plan(of, [job('a')]).status).toEqual(of.status)
  })
  test('knows nothing of one that somebody else made: UnexpectedJob', () => {
    const made = plan(cronJob({}, done), [job('manual')])
    expect(made.events).toMatchObject([
      { reason: 'UnexpectedJob', once: 'UnexpectedJob/uid-manual' },
    ])
    expect(made.status).toEqual(done)
  })
  test('is kept while it is suspended, too', () => {
    const of = cronJob({ suspend: true }, { ...done, ...listing('a') })
    expect(plan(of, [job('a', 'Complete')]).status.active).toBeUndefined()
  })
})

test('lastSuccessfulTime is that of the latest success and never goes back', () => {
  const lastSuccessfulTime = secondsAgo(100)
  const of = cronJob({}, { lastScheduleTime: atNoon, lastSuccessfulTime })
  const older = plan(of, [job('a', 'Complete', 200), job('b', 'Failed', 20)])
  expect(older.status.lastSuccessfulTime).toBe(lastSuccessfulTime)
  const newer = plan(of, [job('a', 'Complete', 70), job('b', 'Complete', 40)])
  expect(newer.status.lastSuccessfulTime).toBe(secondsAgo(30))
})

describe('history', () => {
  const jobs = [
    ...[50, 40, 30, 20, 10].map(age => job(`good-${age}`, 'Complete', age)),
    ...[45, 35, 25].map(age => job(`bad-${age}`, 'Failed', age)),
    job('running', null, 99),
  ]
  const names = (of: CronJob) => plan(of, jobs).expired.map(({ metadata }) => metadata.name)
  test('three that succeeded and one that failed stay, the oldest go', () => {
    expect(names(cronJob())).toEqual(['good-50', 'good-40', 'bad-45', 'bad-35'])
  })
  test('none stays with limits of nothing', () => {
    const spec = { successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 }
    expect(names(cronJob(spec))).toHaveLength(8)
  })
  test('all stay without limits', () => {
    const { successfulJobsHistoryLimit: _s, failedJobsHistoryLimit: _f, ...spec } = cronJob().spec
    expect(names({ ...cronJob(), spec })).toEqual([])
  })
})

interface ModelJob {
  readonly job: Job
  readonly endsMs: number
}

/** Jobs that take as long as they are told, in a world where every write is seen at once. */
class Model {
  cronJob: CronJob
  nowMs = noonMs
  readonly history: string[] = []
  readonly events: string[] = []
  rounds = 0
  private readonly durationMs: number
  private jobs: ModelJob[] = []

  constructor(of: CronJob, durationMs: number) {
    this.cronJob = of
    this.durationMs = durationMs
  }

  get names(): readonly string[] {
    return this.jobs.map(({ job: one }) => this.offsetOf(one))
  }

  run(untilMs: number): void {
    while (this.nowMs <= untilMs) {
      this.rounds++
      const wakeMs = this.round()
      const ends = this.jobs.map(({ endsMs }) => endsMs).filter(ms => ms > this.nowMs)
      this.nowMs = Math.min(wakeMs, ...ends)
      for (const one of this.jobs.filter(({ endsMs }) => endsMs === this.nowMs)) this.end(one)
    }
  }

  private round(): number {
    const jobs = this.jobs.map(({ job: one }) => one)
    const made = plan(this.cronJob, jobs, { nowMs: this.nowMs })
    this.events.push(...reasons(made))
    const gone = [...made.expired.map(({ metadata }) => metadata), ...made.replaced]
    const goneUids = new Set(gone.map(({ uid }) => uid))
    this.jobs = this.jobs.filter(({ job: one }) => !goneUids.has(one.metadata.uid))
    const { creation } = made
    let { status } = made
    if (creation !== null) {
      const name = creation.job.metadata.name ?? ''
      expect(this.jobs.some(({ job: one }) => one.metadata.name === name)).toBe(false)
      const metadata = { ...creation.job.metadata, uid: `uid-${name}` }
      const startTime = formatTime(this.nowMs)
      const one: Job = { ...creation.job, metadata, status: { startTime } }
      this.jobs.push({ job: one, endsMs: this.nowMs + this.durationMs })
      status = statusWith(made, one, creation.scheduledMs)
      this.history.push(`${this.offsetOf(one)} at ${(this.nowMs - noonMs) / 1000}`)
    }
    const changed = JSON.stringify(status) !== JSON.stringify(this.cronJob.status)
    this.cronJob = { ...this.cronJob, status }
    return changed ? this.round() : this.nowMs + (made.requeueAfterMs ?? Number.NaN)
  }

  private end({ job: one, endsMs }: ModelJob): void {
    const time = formatTime(endsMs)
    const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime: time }]
    const status = { ...one.status, completionTime: time, conditions }
    this.jobs = this.jobs.map(other =>
      other.job === one ? { job: { ...one, status }, endsMs } : other,
    )
  }

  private offsetOf({ metadata }: Job): string {
    return `${Number(metadata.name?.slice('tick-'.length)) - noonMinute}`
  }
}

describe('ten minutes on a virtual clock', () => {
  const tenMinutes = noonMs + 10 * minuteMs
  const started = { lastScheduleTime: atNoon }
  test('of jobs that take half a minute: one a minute, to the millisecond', () => {
    const model = new Model(cronJob({}, started), 30_500)
    model.run(tenMinutes)
    expect(model.history).toEqual(
      Array.from({ length: 10 }, (_, minute) => `${minute + 1} at ${(minute + 1) * 60}`),
    )
    // The last one has just begun; of those that succeeded three are kept.
    expect(model.names).toEqual(['7', '8', '9', '10'])
    expect(model.cronJob.status).toMatchObject({
      lastScheduleTime: formatTime(tenMinutes),
      lastSuccessfulTime: formatTime(tenMinutes - minuteMs + 30_500),
    })
    expect(new Set(model.events)).toEqual(new Set(['SawCompletedJob']))
    // One for each start and one for each end, and the first.
    expect(model.rounds).toBe(20)
  })
  test('of jobs that take a minute and a half, with Allow: side by side', () => {
    const model = new Model(cronJob({}, started), 90_000)
    model.run(tenMinutes)
    expect(model.history).toHaveLength(10)
    expect(model.cronJob.status?.active).toHaveLength(2)
  })
  test('with Forbid: never two, and what was refused is made up for', () => {
    const model = new Model(cronJob({ concurrencyPolicy: 'Forbid' }, started), 90_000)
    model.run(tenMinutes)
    expect(model.history).toEqual([
      '1 at 60',
      '2 at 150',
      '4 at 240',
      '5 at 330',
      '7 at 420',
      '8 at 510',
      '10 at 600',
    ])
    expect(model.events).toContain('JobAlreadyActive')
  })
  test('with Replace: each ends the one before it', () => {
    const model = new Model(cronJob({ concurrencyPolicy: 'Replace' }, started), 90_000)
    model.run(tenMinutes)
    expect(model.history).toHaveLength(10)
    expect(model.names).toEqual(['10'])
    expect(model.cronJob.status?.lastSuccessfulTime).toBeUndefined()
  })
})
