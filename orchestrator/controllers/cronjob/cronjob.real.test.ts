// CronJobs and Indexed Jobs against a real apiserver. No pod runs anywhere: the tests say how they end. What is due
// is due because the last time is moved into the past, so nothing waits for a minute to pass.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CronJob, CronJobSpec, Job, JobSpec } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import { referenceTo } from '../../client/event-recorder.js'
import { cronJobs, events, jobs, namespaces, pods } from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import { formatTime } from '../../client/timestamps.js'
import { controllerReference } from '../ownership.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests
let client: ApiClient

beforeAll(async () => {
  plane = await startControlPlane([], { scheduler: false })
  client = plane.client
})

afterAll(async () => {
  await plane?.stop()
})

const template = {
  metadata: { labels: { app: 'tick' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
}

async function namespace(name: string): Promise<string> {
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

const createCronJob = (namespace: string, name: string, spec: Partial<CronJobSpec>) =>
  client.create(cronJobs, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace, name },
    spec: {
      schedule: '* * * * *',
      startingDeadlineSeconds: 100,
      jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: { template } },
      ...spec,
    },
  })

function jobFor(namespace: string, name: string, spec: Partial<JobSpec>, owner?: CronJob): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace,
      name,
      ...(owner === undefined ? {} : { ownerReferences: [controllerReference(owner)] }),
    },
    spec: { template, ...spec },
  }
}

const read = (namespace: string, name: string) => client.get(cronJobs, { namespace, name })
const jobsIn = async (namespace: string) => (await client.list(jobs, { namespace })).items
const podsOf = async (namespace: string, job: string) =>
  (await client.list(pods, { namespace, labelSelector: `job-name=${job}` })).items
const reasonsIn = async (namespace: string) =>
  (await client.list(events, { namespace })).items.map(({ reason }) => reason)
const has = ({ status }: Job, type: string) =>
  status?.conditions?.some(one => one.type === type && one.status === 'True') ?? false
const isRunning = ({ status }: Pod) => status?.phase === 'Pending' || status?.phase === 'Running'
const indexOf = ({ metadata }: Pod) =>
  metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? ''

/** Some minute is due, and the deadline is not over. */
async function makeDue(namespace: string, name: string): Promise<void> {
  const lastScheduleTime = formatTime(Date.now() - 90_000)
  const status = { status: { lastScheduleTime } }
  await client.patch(cronJobs, { namespace, name }, 'merge', status, { subresource: 'status' })
}

async function endPod({ metadata }: Pod, phase: string): Promise<void> {
  const { namespace = '', name = '' } = metadata
  const patch = { status: { phase } }
  await client.patch(pods, { namespace, name }, 'merge', patch, { subresource: 'status' })
}

/** All pods of the Job that run. */
async function endPods(namespace: string, job: string, count: number): Promise<readonly Pod[]> {
  const running = await eventually(
    async () => (await podsOf(namespace, job)).filter(isRunning),
    all => all.length === count,
  )
  for (const pod of running) await endPod(pod, 'Succeeded')
  return running
}

test('a CronJob whose time has come runs a Job, lists it, and sees it complete', async () => {
  const ns = await namespace('due')
  const owner = await createCronJob(ns, 'tick', { concurrencyPolicy: 'Forbid' })
  await makeDue(ns, 'tick')
  const [job] = await eventually(
    () => jobsIn(ns),
    all => all.length === 1,
  )
  const { name = '', labels, annotations = {}, ownerReferences } = job?.metadata ?? {}
  const scheduled = annotations['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? ''
  expect(name).toBe(`tick-${Date.parse(scheduled) / 60_000}`)
  expect(labels).toEqual({ app: 'tick' })
  expect(ownerReferences).toEqual([controllerReference(owner)])
  const started = await eventually(
    () => read(ns, 'tick'),
    ({ status }) => status?.active?.length === 1 && status.lastScheduleTime === scheduled,
  )
  expect(started.status?.active?.[0]).toMatchObject({ kind: 'Job', name, uid: job?.metadata.uid })

  // No other minute is to be due while this one ends.
  await client.patch(cronJobs, { namespace: ns, name: 'tick' }, 'merge', {
    spec: { suspend: true },
  })
  await endPods(ns, name, 1)
  const done = await eventually(
    () => read(ns, 'tick'),
    ({ status }) => status?.active === undefined && status?.lastSuccessfulTime !== undefined,
  )
  expect(done.status?.lastScheduleTime).toBe(scheduled)
  const seen = await eventually(
    () => reasonsIn(ns),
    all => all.includes('SawCompletedJob'),
  )
  expect(seen).toContain('SuccessfulCreate')

  // And while it is suspended, nothing is due.
  await makeDue(ns, 'tick')
  const spec = { successfulJobsHistoryLimit: 0 }
  await client.patch(cronJobs, { namespace: ns, name: 'tick' }, 'merge', { spec })
  await eventually(
    () => jobsIn(ns),
    all => all.length === 0,
  )
  await client.patch(cronJobs, { namespace: ns, name: 'tick' }, 'merge', {
    spec: { suspend: false },
  })
  await eventually(
    () => jobsIn(ns),
    all => all.length === 1,
  )
})

test('Forbid starts no second Job while one runs, and starts it after', async () => {
  const ns = await namespace('forbid')
  const spec = { suspend: true, concurrencyPolicy: 'Forbid' }
  const owner = await createCronJob(ns, 'tick', spec)
  const first = await client.create(jobs, jobFor(ns, 'first', {}, owner))
  const reference = { ...referenceTo(first) }
  const active = { status: { active: [reference] } }
  const at = { namespace: ns, name: 'tick' }
  await client.patch(cronJobs, at, 'merge', active, { subresource: 'status' })
  await makeDue(ns, 'tick')
  await client.patch(cronJobs, at, 'merge', { spec: { suspend: false } })
  await eventually(
    () => reasonsIn(ns),
    all => all.includes('JobAlreadyActive'),
  )
  expect((await jobsIn(ns)).map(({ metadata }) => metadata.name)).toEqual(['first'])
  await endPods(ns, 'first', 1)
  await eventually(
    () => jobsIn(ns),
    all => all.length === 2,
  )
})

test('Replace deletes the Job that runs', async () => {
  const ns = await namespace('replace')
  const spec = { suspend: true, concurrencyPolicy: 'Replace' }
  const owner = await createCronJob(ns, 'tick', spec)
  const first = await client.create(jobs, jobFor(ns, 'first', {}, owner))
  const active = { status: { active: [{ ...referenceTo(first) }] } }
  const at = { namespace: ns, name: 'tick' }
  await client.patch(cronJobs, at, 'merge', active, { subresource: 'status' })
  await makeDue(ns, 'tick')
  await client.patch(cronJobs, at, 'merge', { spec: { suspend: false } })
  await eventually(
    () => jobsIn(ns),
    all => all.length === 1 && all[0]?.metadata.name !== 'first',
  )
})

test('an Indexed Job with three completions finishes, its indexes in order', async () => {
  const ns = await namespace('indexed')
  const spec = { completionMode: 'Indexed', completions: 3, parallelism: 2 }
  await client.create(jobs, jobFor(ns, 'ring', spec))
  const [a, b] = (await endPods(ns, 'ring', 2)).toSorted((x, y) =>
    indexOf(x) < indexOf(y) ? -1 : 1,
  )
  expect(a?.metadata.name).toMatch(/^ring-0-.{5}$/)
  expect(a?.metadata.labels).toMatchObject({ 'batch.kubernetes.io/job-completion-index': '0' })
  expect(b?.spec.hostname).toBe('ring-1')
  expect(b?.spec.containers[0]?.env?.[0]).toMatchObject({ name: 'JOB_COMPLETION_INDEX' })
  const [c] = await endPods(ns, 'ring', 1)
  expect(c === undefined ? '' : indexOf(c)).toBe('2')
  const done = await eventually(
    () => client.get(jobs, { namespace: ns, name: 'ring' }),
    job => has(job, 'Complete'),
  )
  expect(done.status).toMatchObject({ succeeded: 3, completedIndexes: '0-2' })
  // Nothing holds its pods any more.
  const finalizers = await eventually(
    async () => (await podsOf(ns, 'ring')).flatMap(({ metadata }) => metadata.finalizers ?? []),
    all => all.length === 0,
  )
  expect(finalizers).toEqual([])
})

test('an index that fails too often fails alone, the others complete, and the Job has failed', async () => {
  const ns = await namespace('limits')
  const limits = { backoffLimitPerIndex: 0, maxFailedIndexes: 2 }
  const spec = { completionMode: 'Indexed', completions: 2, parallelism: 2, ...limits }
  await client.create(jobs, jobFor(ns, 'pair', spec))
  const both = await eventually(
    () => podsOf(ns, 'pair'),
    all => all.length === 2,
  )
  for (const pod of both) await endPod(pod, indexOf(pod) === '0' ? 'Failed' : 'Succeeded')
  const done = await eventually(
    () => client.get(jobs, { namespace: ns, name: 'pair' }),
    job => has(job, 'Failed'),
  )
  expect(done.status).toMatchObject({ completedIndexes: '1', failedIndexes: '0', failed: 1 })
  expect(done.status?.conditions?.map(({ reason }) => reason)).toContain('FailedIndexes')
})

test('a Job is suspended and resumed', async () => {
  const ns = await namespace('suspended')
  await client.create(jobs, jobFor(ns, 'rest', {}))
  const at = { namespace: ns, name: 'rest' }
  await eventually(
    () => podsOf(ns, 'rest'),
    all => all.length === 1,
  )
  await client.patch(jobs, at, 'merge', { spec: { suspend: true } })
  await eventually(
    () => client.get(jobs, at),
    job => has(job, 'Suspended'),
  )
  await eventually(
    () => podsOf(ns, 'rest'),
    all => all.length === 0,
  )
  await client.patch(jobs, at, 'merge', { spec: { suspend: false } })
  await eventually(
    () => client.get(jobs, at),
    job => !has(job, 'Suspended') && job.status?.startTime !== undefined,
  )
  await eventually(
    () => reasonsIn(ns),
    all => all.includes('Suspended') && all.includes('Resumed'),
  )
})

test('a Job with a time to live goes when that is over, and its pods with it', async () => {
  const ns = await namespace('brief')
  await client.create(jobs, jobFor(ns, 'fly', { ttlSecondsAfterFinished: 0 }))
  await endPods(ns, 'fly', 1)
  await eventually(
    async () => {
      const job = await client.get(jobs, { namespace: ns, name: 'fly' }).catch((error: unknown) => {
        if (isNotFound(error)) return null
        throw error
      })
      return [...(job === null ? [] : [job]), ...(await podsOf(ns, 'fly'))]
    },
    left => left.length === 0,
  )
})
