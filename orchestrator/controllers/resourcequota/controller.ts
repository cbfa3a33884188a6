// Counts every quota anew from time to time. API servers keep the sums with every write and every deletion, in the
// same transaction, so there is nothing to wait for here when something goes; this takes off what went without
// a write, as events that expire, and puts right what somebody wrote into a status.
// Counterpart: pkg/controller/resourcequota, without its watches on all that is counted.

import { isCounted } from '../../api/quota/charge.js'
import { sameJson } from '../../api/equality.js'
import type { ResourceQuota } from '../../api/types/core-quota.js'
import { isNotFound } from '../../client/api-error.js'
import { discover } from '../../client/discovery.js'
import { objectKey, type Resource, resourceQuotas, splitKey } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { recount } from './recount.js'

const resyncMs = 300_000
/** A master that heard of new limits late has let writes pass that it did not charge. */
const lateMs = 10_000
/** Which kinds there are is asked again after this. */
const kindsKnownMs = 30_000

export function startResourceQuotaController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context
  const informer = informers.of(resourceQuotas)
  const usual = reconcilerQueue(context, { name: 'resourcequota', concurrency: 2, reconcile })
  /** Those that nobody has counted do not wait behind those that are only looked at again. */
  const fresh = reconcilerQueue(context, {
    name: 'resourcequota-new',
    concurrency: 2,
    reconcile,
  })
  /** Until when quotas have to be counted once more. A delay in a queue would not outlive a sooner one. */
  const lateAtMs = new Map<string, number>()
  let kinds = new Map<string, Resource>()
  let kindsAtMs = -Infinity

  async function reconcile(key: string): Promise<void> {
    if (informer.objects.get(key) === undefined) return
    try {
      const changed = await recount(client, findKind, splitKey(key))
      if (changed) logger.info({ quota: key }, 'what a quota says is used was put right')
    } catch (error) {
      // Its deletion may not have come to us yet.
      if (!isNotFound(error)) throw error
    }
    const leftMs = (lateAtMs.get(key) ?? 0) - clock.monotonicMs()
    if (leftMs <= 0) lateAtMs.delete(key)
    usual.queue.addAfter(key, leftMs > 0 ? leftMs : resyncMs)
  }

  async function findKind(group: string, plural: string): Promise<Resource | undefined> {
    if (clock.monotonicMs() - kindsAtMs >= kindsKnownMs) {
      const found = await discover(client)
      kinds = new Map(found.map(one => [`${one.group}/${one.plural}`, one]))
      kindsAtMs = clock.monotonicMs()
    }
    return kinds.get(`${group}/${plural}`)
  }

  function take(quota: ResourceQuota): void {
    lateAtMs.set(objectKey(quota), clock.monotonicMs() + lateMs)
    ;(isCounted(quota) ? usual : fresh).queue.add(objectKey(quota))
  }

  const unsubscribe = [
    informer.addHandlers({
      onAdd: take,
      onUpdate: (quota, old) => {
        // Every write that is charged comes by here: only other limits are a reason to count.
        if (!isCounted(quota) || !sameJson(quota.spec ?? {}, old.spec ?? {})) take(quota)
      },
      onDelete: quota => lateAtMs.delete(objectKey(quota)),
    }),
  ]
  const controllers = [
    runningController(context, { ...usual, unsubscribe }),
    runningController(context, { ...fresh, unsubscribe: [] }),
  ]
  return {
    stop() {
      for (const controller of controllers) controller.stop()
    },
  }
}
