// The expand controller's shell: claims that ask for more than they have. Counterpart: pkg/controller/volume/expand.

import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import { isNotFound } from '../../client/api-error.js'
import { objectKey, persistentVolumeClaims, persistentVolumes } from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { requestOf, sizeOf } from '../persistentvolume/binding.js'
import { WrittenObjects } from '../persistentvolume/written-objects.js'
import type { ExpandStep } from './reconcile.js'
import { planExpansion } from './reconcile.js'

/** One more than there are writes. */
const stepsMax = 4

export function startVolumeExpandController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const claimInformer = informers.of(persistentVolumeClaims)
  const volumeInformer = informers.of(persistentVolumes)
  const claims = new WrittenObjects(claimInformer)
  const volumes = new WrittenObjects(volumeInformer)
  const recorder = recorderOf(context, 'volume_expand')
  const { queue, start } = reconcilerQueue(context, {
    name: 'volume-expand',
    concurrency: 1,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    for (let steps = 0; steps < stepsMax; steps++) {
      const claim = claims.get(key)
      if (claim === undefined) return
      const volume = volumes.get(claim.spec?.volumeName ?? '') ?? null
      const plan = planExpansion(claim, volume, formatTime(clock.wallMs()))
      if (plan.step !== null && !(await perform(plan.step))) return
      if (plan.event !== null) {
        recorder.record(claim, plan.event.type, plan.event.reason, plan.event.message)
      }
      if (plan.step === null) return
    }
  }

  /** False where it is gone. */
  async function perform(step: ExpandStep): Promise<boolean> {
    try {
      if (step.kind === 'claim-status') {
        claims.note(await client.updateStatus(persistentVolumeClaims, step.claim))
      } else {
        volumes.note(await client.update(persistentVolumes, step.volume))
      }
      return true
    } catch (error) {
      if (!isNotFound(error)) throw error
      return false
    }
  }

  const asksForMore = (claim: PersistentVolumeClaim): boolean =>
    requestOf(claim) > sizeOf(claim.status?.capacity)

  const unsubscribe = [
    claimInformer.addHandlers({
      onAdd: claim => queue.add(objectKey(claim)),
      onUpdate: (claim, old) => {
        // Once for each wish; what is being done about it by others is theirs.
        if (requestOf(claim) !== requestOf(old) || asksForMore(claim) !== asksForMore(old)) {
          queue.add(objectKey(claim))
        }
      },
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
