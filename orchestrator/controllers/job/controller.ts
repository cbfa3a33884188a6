// The Job controller's shell: informers in; claims, pods and status out. Counterpart: pkg/controller/job. A second queue
// takes the finalizer off pods whose Job is gone or over: nobody else would, and they could not be removed.

import type { JsonObject } from '../../api/object.js'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import { Expectations } from '../../client/expectations.js'
import {
  byNamespace,
  byOwnerUid,
  namespaceIndex,
  ownerUidIndex,
} from '../../client/object-store.js'
import { jobs, objectKey, pods } from '../../client/resources.js'
import { sameJson } from '../../api/equality.js'
import { makeClaims } from '../claiming.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { byOrphanNamespace, controllerOf, isDeleting, orphanIndex } from '../ownership.js'
import { PodWriter } from '../pod-writes.js'
import { WrittenVersions } from '../written-versions.js'
import { isFinished } from './conditions.js'
import { claimPods, matchesJob } from './claims.js'
import { isOurs, type JobPlan, planJob } from './reconcile.js'
import { isTracked, trackingFinalizer } from './tracking.js'

const notShownYetMs = 100

export function startJobController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const jobInformer = informers.of(jobs)
  const podInformer = informers.of(pods)
  jobInformer.addIndex(namespaceIndex, byNamespace)
  podInformer.addIndex(ownerUidIndex, byOwnerUid)
  podInformer.addIndex(orphanIndex, byOrphanNamespace)
  const expectations = new Expectations(clock)
  const written = new WrittenVersions()
  const recorder = recorderOf(context, 'job-controller')
  const writer = new PodWriter(client, recorder, expectations)
  const main = reconcilerQueue(context, { name: 'job', concurrency: 5, reconcile })
  const strays = reconcilerQueue(context, { name: 'job-pods', concurrency: 2, reconcile: release })

  const podsOf = (job: Job) => podInformer.objects.byIndex(ownerUidIndex, job.metadata.uid ?? '')

  async function reconcile(key: string): Promise<void> {
    const job = jobInformer.objects.get(key)
    if (!job || isFinished(job) || !isOurs(job)) {
      expectations.forget(key)
      written.forget(key)
      return
    }
    // Its last status says which pods are counted: an older copy would make them again.
    if (!written.shownBy(jobInformer, key)) {
      main.queue.addAfter(key, notShownYetMs)
      return
    }
    const claims = claimPods(job, [
      ...podsOf(job),
      ...podInformer.objects.byIndex(orphanIndex, job.metadata.namespace ?? ''),
    ])
    if (claims.adopt.length + claims.release.length > 0) {
      await makeClaims(client, { resource: jobs, object: job }, pods, claims, trackingFinalizer)
      // What has ended counts by its finalizer: nothing is counted before our copy shows that.
      main.queue.addAfter(key, notShownYetMs)
      return
    }
    const plan = planJob({
      job,
      pods: claims.owned,
      expectationsMet: expectations.satisfied(key),
      nowMs: clock.wallMs(),
    })
    const error = await scale(key, job, plan)
    if (!sameJson(plan.status, job.status ?? {})) {
      written.note(key, await client.updateStatus(jobs, { ...job, status: plan.status }))
      for (const { type, reason, message } of plan.events) {
        recorder.record(job, type, reason, message)
      }
    }
    await Promise.all(plan.recorded.map(pod => removeFinalizer(pod)))
    if (plan.requeueAfterMs !== null) main.queue.addAfter(key, plan.requeueAfterMs)
    if (!expectations.satisfied(key)) main.queue.addAfter(key, expectations.expiryMs)
    if (error !== null) throw error
  }

  async function scale(key: string, job: Job, plan: JobPlan): Promise<unknown> {
    const { creations, deletions, uncounted } = plan
    expectations.expect(key, creations.length, deletions.map(objectKey))
    if (creations.length > 0) return await writer.createEach(key, job, creations)
    const remove = async (pod: Pod): Promise<unknown> => {
      const error = uncounted ? await uncount(key, pod) : null
      return error ?? (await writer.delete(key, job, pod))
    }
    const errors = await Promise.all(deletions.map(remove))
    return errors.find(error => error !== null) ?? null
  }

  /** The error, or null. One that has ended in the meantime counts all the same. */
  async function uncount(key: string, pod: Pod): Promise<unknown> {
    const { resourceVersion = '' } = pod.metadata
    try {
      await removeFinalizer(pod, { resourceVersion })
      return null
    } catch (error) {
      expectations.deletionObserved(key, objectKey(pod))
      return error
    }
  }

  async function removeFinalizer({ metadata }: Pod, only: JsonObject = {}): Promise<void> {
    const { namespace = '', name = '', uid = '' } = metadata
    const change = { uid, ...only, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] }
    await client
      .patch(pods, { namespace, name }, 'strategic', { metadata: change })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  /** Our copy may not show its Job yet, so the server is asked. */
  async function release(key: string): Promise<void> {
    const pod = podInformer.objects.get(key)
    if (!pod || !isTracked(pod)) return
    const owner = controllerOf(pod)
    if (owner?.kind === 'Job') {
      const at = { namespace: pod.metadata.namespace ?? '', name: owner.name }
      const job = await client.get(jobs, at).catch((error: unknown) => {
        if (isNotFound(error)) return null
        throw error
      })
      if (job?.metadata.uid === owner.uid && !isFinished(job)) return
    }
    await removeFinalizer(pod)
  }

  function ownerKey(pod: Pod): string | null {
    const owner = controllerOf(pod)
    if (owner?.kind !== 'Job') return null
    const key = `${pod.metadata.namespace}/${owner.name}`
    const job = jobInformer.objects.get(key)
    return job?.metadata.uid === owner.uid && !isFinished(job) ? key : null
  }

  function podChanged(pod: Pod, old: Pod | null): void {
    const key = ownerKey(pod)
    const oldKey = old === null ? null : ownerKey(old)
    if (oldKey !== null && oldKey !== key) main.queue.add(oldKey)
    if (key === null) {
      if (isTracked(pod)) strays.queue.add(objectKey(pod))
      if (!controllerOf(pod) && !isDeleting(pod)) addMatching(pod)
      return
    }
    if (old === null) expectations.creationObserved(key)
    if (isDeleting(pod)) expectations.deletionObserved(key, objectKey(pod))
    main.queue.add(key)
  }

  function addMatching(pod: Pod): void {
    for (const job of jobInformer.objects.byIndex(namespaceIndex, pod.metadata.namespace ?? '')) {
      if (matchesJob(job, pod)) main.queue.add(objectKey(job))
    }
  }

  function podDeleted(pod: Pod): void {
    const key = ownerKey(pod)
    if (key === null) return
    expectations.deletionObserved(key, objectKey(pod))
    main.queue.add(key)
  }

  function jobChanged(job: Job): void {
    main.queue.add(objectKey(job))
    if (isFinished(job)) jobOver(job)
  }

  function jobOver(job: Job): void {
    for (const pod of podsOf(job)) if (isTracked(pod)) strays.queue.add(objectKey(pod))
  }

  const unsubscribe = [
    jobInformer.addHandlers({
      onAdd: jobChanged,
      onUpdate: jobChanged,
      onDelete: job => {
        expectations.forget(objectKey(job))
        jobOver(job)
      },
    }),
    podInformer.addHandlers({
      onAdd: pod => podChanged(pod, null),
      onUpdate: podChanged,
      onDelete: podDeleted,
    }),
  ]
  const controllers = [
    runningController(context, { ...main, unsubscribe }),
    runningController(context, { ...strays, unsubscribe: [] }),
  ]
  return {
    stop() {
      for (const controller of controllers) controller.stop()
    },
  }
}
