// What users of CronJobs rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CronJob, Job } from '../../orchestrator/api/types/batch.js'
import { cronJobs, jobs } from '../../orchestrator/client/resources.js'
import { formatTime } from '../../orchestrator/client/timestamps.js'
import { exitCodeAnnotation, runSecondsAnnotation } from '../pretend-machine.js'
import { namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a'])
})

afterAll(async () => {
  await scene?.close()
})

const minuteMs = 60_000
const nowMs = () => scene.cluster.clock.wallMs()

interface Run {
  readonly name?: string
  readonly schedule?: string
  /** How long a Job takes. */
  readonly seconds?: number
  readonly exitCode?: number
}

const cron = (
  spec: string,
  { name = 'tick', schedule = '* * * * *', seconds = 5, exitCode = 0 }: Run = {},
) => `
apiVersion: batch/v1
kind: CronJob
metadata: {name: ${name}}
spec:
  schedule: "${schedule}"
  ${spec}
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        metadata:
          annotations: {${runSecondsAnnotation}: "${seconds}", ${exitCodeAnnotation}: "${exitCode}"}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 1
          containers: [{name: work, image: "work:1"}]
`

/** At a time that is as far behind a whole number of these as it says. */
async function passTo(everyMs: number, offsetMs: number): Promise<void> {
  const behind = (nowMs() - offsetMs) % everyMs
  await scene.cluster.pass(everyMs - behind)
}

/** `name-` and the minute since the epoch. */
const nameAt = (name: string, atMs: number) => `${name}-${Math.floor(atMs / minuteMs)}`
const isOver = ({ status }: Job) =>
  status?.conditions?.some(({ type }) => type === 'Complete' || type === 'Failed') === true
const ofCron = (all: readonly Job[], name: string) =>
  all.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === name)
const tick = () => place.get(cronJobs, 'tick')

test('Allow: Jobs that take longer than a period run beside each other', async () => {
  place = await scene.place()
  await place.create(cron('concurrencyPolicy: Allow', { seconds: 150 }))
  const { status } = await place.until(
    cronJobs,
    'tick',
    one => one.status?.active?.length === 3,
    5 * minuteMs,
  )
  const working = (await place.list(jobs)).filter(job => !isOver(job))
  expect(namesOf(working)).toEqual(status?.active?.map(({ name }) => name).sort())
})

test('Forbid: no Job starts while another runs, and the latest that was due does then', async () => {
  place = await scene.place()
  await passTo(minuteMs, 10_000)
  const firstMs = nowMs() + 50_000
  await place.create(cron('concurrencyPolicy: Forbid', { seconds: 150 }))
  for (let look = 0; look < 50; look += 1) {
    await scene.cluster.pass(5_000)
    expect((await place.list(jobs)).filter(job => !isOver(job)).length).toBeLessThanOrEqual(1)
  }
  // The first takes two minutes and a half; what was due in its second one begins at its end.
  const started = namesOf(await place.list(jobs)).slice(0, 2)
  expect(started).toEqual([nameAt('tick', firstMs), nameAt('tick', firstMs + 2 * minuteMs)])
  expect(await place.reasons('tick')).toContain('JobAlreadyActive')
})

test('Replace: a Job that still runs makes way for the next one', async () => {
  place = await scene.place()
  await place.create(cron('concurrencyPolicy: Replace', { seconds: 1_000 }))
  await place.untilAll(jobs, all => all.length === 1)
  const [first = ''] = namesOf(await place.list(jobs))
  await scene.cluster.pass(2 * minuteMs)
  const left = await place.untilAll(jobs, all => all.length === 1)
  expect(namesOf(left)).not.toEqual([first])
  expect((await tick()).status?.active?.map(({ name }) => name)).toEqual(namesOf(left))
  expect(await place.reasons('tick')).toEqual(['SuccessfulCreate', 'SuccessfulDelete'])
})

test('timeZone: the clock on the wall there counts, and nowhere else', async () => {
  place = await scene.place()
  await passTo(minuteMs, 10_000)
  // India is five hours and a half ahead, the whole year.
  const dueMs = nowMs() + 50_000
  const there = new Date(dueMs + 5.5 * 3_600_000)
  const schedule = `${there.getUTCMinutes()} ${there.getUTCHours()} * * *`
  await place.create(cron('timeZone: Asia/Kolkata', { name: 'there', schedule }))
  await place.create(cron('timeZone: Etc/UTC', { name: 'here', schedule }))
  await scene.cluster.pass(2 * minuteMs)
  const made = await place.list(jobs)
  expect(namesOf(made)).toEqual([nameAt('there', dueMs)])
  const at = made[0]?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']
  expect(at).toMatch(/\+05:30$/)
  expect(Date.parse(at ?? '')).toBe(dueMs)
})

test('startingDeadline: what is later than that is missed, and told', async () => {
  place = await scene.place()
  await passTo(5 * minuteMs, 4.5 * minuteMs)
  const late = { name: 'late', schedule: '*/5 * * * *' }
  const soon = { name: 'soon', schedule: '*/5 * * * *' }
  await place.create(cron('suspend: true\n  startingDeadlineSeconds: 60', late))
  await place.create(cron('suspend: true\n  startingDeadlineSeconds: 180', soon))
  await passTo(5 * minuteMs, 1.5 * minuteMs)
  const dueMs = nowMs() - 1.5 * minuteMs
  for (const name of ['late', 'soon'])
    await place.patch(cronJobs, name, { spec: { suspend: false } })
  await place.untilAll(jobs, all => all.length > 0)
  await scene.cluster.pass(30_000)
  expect(namesOf(await place.list(jobs))).toEqual([nameAt('soon', dueMs)])
  expect(await place.reasons('late')).toEqual(['MissSchedule'])
  expect(await place.reasons('soon')).not.toContain('MissSchedule')
})

test('the 100-missed rule: of more than a hundred only the latest runs, with a warning', async () => {
  place = await scene.place()
  await passTo(minuteMs, 10_000)
  const lastAt = async (name: string, minutesAgo: number) => {
    const made = (await place.create(cron('suspend: true', { name }))) as CronJob
    const lastScheduleTime = formatTime(nowMs() - minutesAgo * minuteMs)
    await scene.cluster.client.updateStatus(cronJobs, { ...made, status: { lastScheduleTime } })
  }
  await lastAt('many', 102)
  await lastAt('few', 99)
  for (const name of ['many', 'few'])
    await place.patch(cronJobs, name, { spec: { suspend: false } })
  const made = await place.untilAll(jobs, all => all.length === 2)
  expect(namesOf(made)).toEqual([nameAt('few', nowMs()), nameAt('many', nowMs())])
  expect(await place.reasons('many')).toContain('TooManyMissedTimes')
  expect(await place.reasons('few')).not.toContain('TooManyMissedTimes')
})

test('history 3/1: three that succeeded are kept, and one that failed', async () => {
  place = await scene.place()
  await passTo(minuteMs, 10_000)
  await place.create(cron('', { name: 'good' }))
  await place.create(cron('', { name: 'bad', exitCode: 1 }))
  await scene.cluster.pass(5.5 * minuteMs)
  const kept = await place.untilAll(jobs, all => all.every(isOver) && all.length === 4)
  const latestMs = Math.floor(nowMs() / minuteMs) * minuteMs
  const minutes = [2, 1, 0].map(ago => nameAt('good', latestMs - ago * minuteMs))
  expect(namesOf(ofCron(kept, 'good'))).toEqual(minutes)
  expect(namesOf(ofCron(kept, 'bad'))).toEqual([nameAt('bad', latestMs)])
})

test('deterministic names: a minute has one Job, whoever looks, and however often', async () => {
  place = await scene.place()
  await passTo(minuteMs, 10_000)
  const dueMs = nowMs() + 50_000
  await place.create(cron('', { seconds: 600 }))
  const name = nameAt('tick', dueMs)
  await place.until(jobs, name, () => true)
  // One that is deleted is not made again in its minute, and its time is on record.
  await place.delete(jobs, name, { propagationPolicy: 'Background' })
  await scene.cluster.pass(30_000)
  expect(await place.list(jobs)).toEqual([])
  expect((await tick()).status?.lastScheduleTime).toBe(formatTime(dueMs))
  // A record that was lost makes no second one either.
  const next = nameAt('tick', dueMs + minuteMs)
  const { metadata } = await place.until(jobs, next, () => true)
  const lastScheduleTime = formatTime(dueMs)
  await scene.cluster.client.updateStatus(cronJobs, {
    ...(await tick()),
    status: { lastScheduleTime },
  })
  const healed = await place.until(cronJobs, 'tick', ({ status }) => status?.active?.length === 1)
  expect(healed.status?.active?.[0]?.uid).toBe(metadata.uid)
  expect(namesOf(await place.list(jobs))).toEqual([next])
})
