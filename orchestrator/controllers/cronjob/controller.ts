// The CronJob controller's shell: informers and the clock in, Jobs and status out. Counterpart: pkg/controller/cronjob.

import { sameJson } from '../../api/equality.js'
import type { CronJob, CronJobStatus, Job } from '../../api/types/batch.js'
import type { ObjectReference } from '../../api/types/core-reference.js'
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../client/api-error.js'
import { byOwnerUid, ownerUidIndex } from '../../client/object-store.js'
import { cronJobs, jobs, objectKey } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { controllerOf } from '../ownership.js'
import { WrittenVersions } from '../written-versions.js'
import {
  type CronJobPlan,
  planCronJob,
  statusWith,
  unseenActive,
  untilNextMs,
} from './reconcile.js'

const notShownYetMs = 100

export function startCronJobController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const owners = informers.of(cronJobs)
  const jobInformer = informers.of(jobs)
  jobInformer.addIndex(ownerUidIndex, byOwnerUid)
  const written = new WrittenVersions()
  /** By key, what the last round said of what lasts. */
  const told = new Map<string, ReadonlySet<string>>()
  const recorder = recorderOf(context, 'cronjob-controller')
  const { queue, start } = reconcilerQueue(context, { name: 'cronjob', concurrency: 5, reconcile })

  async function reconcile(key: string): Promise<void> {
    const cronJob = owners.objects.get(key)
    if (!cronJob) {
      written.forget(key)
      told.delete(key)
      return
    }
    // An older copy would not list what has just been started: it would seem unexpected.
    if (!written.shownBy(owners, key)) {
      queue.addAfter(key, notShownYetMs)
      return
    }
    const mine = jobsOf(cronJob)
    const plan = planCronJob({
      cronJob,
      jobs: mine,
      missing: await missingOf(unseenActive(cronJob, mine)),
      nowMs: clock.wallMs(),
    })
    const { status, error } = await perform(cronJob, plan)
    if (!sameJson(status, cronJob.status ?? {})) {
      written.note(key, await client.updateStatus(cronJobs, { ...cronJob, status }))
    }
    tell(key, cronJob, plan)
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
    if (error !== null) throw error
  }

  const jobsOf = (cronJob: CronJob) => {
    const { uid = '' } = cronJob.metadata
    const owned = jobInformer.objects.byIndex(ownerUidIndex, uid)
    return owned.filter(job => controllerOf(job)?.uid === uid)
  }

  /** Our copy may be behind, so the server is asked: who is taken for gone is started again. */
  async function missingOf(refs: readonly ObjectReference[]): Promise<ReadonlySet<string>> {
    const missing = new Set<string>()
    for (const { namespace = '', name = '', uid = '' } of refs) {
      const job = await client.get(jobs, { namespace, name }).catch((error: unknown) => {
        if (isNotFound(error)) return null
        throw error
      })
      if (job?.metadata.uid !== uid) missing.add(uid)
    }
    return missing
  }

  /** What was not done leaves the status as the plan found it; a first error is handed back. */
  async function perform(
    cronJob: CronJob,
    plan: CronJobPlan,
  ): Promise<{ readonly status: CronJobStatus; readonly error: unknown }> {
    let error: unknown = null
    for (const { metadata } of plan.expired) {
      const failure = await remove(cronJob, metadata)
      error ??= failure
    }
    let replaced = true
    for (const ref of plan.replaced) {
      const failure = await remove(cronJob, ref)
      replaced &&= failure === null
      error ??= failure
    }
    const { status, creation } = plan
    if (creation === null || !replaced) return { status, error }
    try {
      const job = await started(cronJob, creation.job)
      if (job === null) return { status, error }
      return { status: statusWith(plan, job, creation.scheduledMs), error }
    } catch (failure) {
      return { status, error: error ?? failure }
    }
  }

  /** The error, or null. */
  async function remove(
    cronJob: CronJob,
    { namespace = '', name = '', uid = '' }: ObjectReference,
  ): Promise<unknown> {
    try {
      await client.delete(jobs, { namespace, name }, { uid, propagationPolicy: 'Background' })
      recorder.record(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`)
      return null
    } catch (error) {
      if (isNotFound(error)) return null
      const message = `Error deleting job: ${errorText(error)}`
      recorder.record(cronJob, 'Warning', 'FailedDelete', message)
      return error
    }
  }

  /** The Job that has its name now; null when that is somebody else's, or nothing is made any more. */
  async function started(cronJob: CronJob, job: Job): Promise<Job | null> {
    const { namespace = '', name = '' } = job.metadata
    try {
      const created = await client.create(jobs, job)
      recorder.record(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`)
      return created
    } catch (error) {
      // The namespace is going away and the owner with it: trying again would help nobody.
      if (isNamespaceTerminating(error)) return null
      if (!isAlreadyExists(error)) {
        const message = `Error creating job: ${errorText(error)}`
        recorder.record(cronJob, 'Warning', 'FailedCreate', message)
        throw error
      }
    }
    const found = await client.get(jobs, { namespace, name })
    return controllerOf(found)?.uid === cronJob.metadata.uid ? found : null
  }

  function tell(key: string, cronJob: CronJob, { events }: CronJobPlan): void {
    const before = told.get(key)
    const now = new Set<string>()
    for (const { type, reason, message, once } of events) {
      if (once !== undefined) now.add(once)
      if (once !== undefined && before?.has(once)) continue
      recorder.record(cronJob, type, reason, message)
    }
    told.set(key, now)
  }

  function changed(cronJob: CronJob, old: CronJob): void {
    const key = objectKey(cronJob)
    const sameTimes =
      cronJob.spec.schedule === old.spec.schedule && cronJob.spec.timeZone === old.spec.timeZone
    // What a new schedule would have asked for in the past is not made up for.
    const waitMs = sameTimes ? null : untilNextMs(cronJob, clock.wallMs())
    if (waitMs === null) queue.add(key)
    else queue.addAfter(key, waitMs)
  }

  function enqueueOwner(job: Job): void {
    const owner = controllerOf(job)
    if (owner?.kind === 'CronJob') queue.add(`${job.metadata.namespace}/${owner.name}`)
  }

  const unsubscribe = [
    owners.addHandlers({
      onAdd: cronJob => queue.add(objectKey(cronJob)),
      onUpdate: changed,
      onDelete: cronJob => queue.add(objectKey(cronJob)),
    }),
    jobInformer.addHandlers({
      onAdd: enqueueOwner,
      onUpdate: enqueueOwner,
      onDelete: enqueueOwner,
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
