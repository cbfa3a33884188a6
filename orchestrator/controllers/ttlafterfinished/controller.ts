// Deletes Jobs whose time after the end is over, their pods after them. Counterpart: pkg/controller/ttlafterfinished,
// which lets the pods go first. Bound to the version that was looked at: who has been given more time stays.

import type { Job } from '../../api/types/batch.js'
import { isNotFound } from '../../client/api-error.js'
import { jobs, objectKey } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { keptForMs } from './reconcile.js'

export function startTtlAfterFinishedController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const informer = informers.of(jobs)
  const { queue, start } = reconcilerQueue(context, {
    name: 'ttl-after-finished',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const job = informer.objects.get(key)
    const leftMs = job === undefined ? null : keptForMs(job, clock.wallMs())
    if (job === undefined || leftMs === null) return
    if (leftMs > 0) {
      queue.addAfter(key, leftMs)
      return
    }
    const { namespace = '', name = '', uid = '', resourceVersion = '' } = job.metadata
    const seen = { uid, resourceVersion }
    await client
      .delete(jobs, { namespace, name }, { ...seen, propagationPolicy: 'Background' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  function changed(job: Job): void {
    if (keptForMs(job, clock.wallMs()) !== null) queue.add(objectKey(job))
  }

  const unsubscribe = [informer.addHandlers({ onAdd: changed, onUpdate: changed })]
  return runningController(context, { queue, start, unsubscribe })
}
