// Lets claims and volumes go once nobody uses them. Without it one that was deleted would stay for ever, and its
// namespace with it. Counterparts: pkg/controller/volume/pvcprotection and pvprotection.

import type { KubeObject } from '../../api/object.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import {
  keyOf,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
} from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import {
  claimFinalizer,
  claimIsFree,
  claimsOf,
  isHeldBy,
  volumeFinalizer,
  volumeIsFree,
  without,
} from './reconcile.js'

export function startStorageProtection(context: ControllerContext): Controller {
  const { client, informers } = context
  const claims = informers.of(persistentVolumeClaims)
  const volumes = informers.of(persistentVolumes)
  const podInformer = informers.of(pods)
  const ofClaims = reconcilerQueue(context, {
    name: 'pvc-protection',
    concurrency: 2,
    reconcile: releaseClaim,
  })
  const ofVolumes = reconcilerQueue(context, {
    name: 'pv-protection',
    concurrency: 2,
    reconcile: releaseVolume,
  })

  async function releaseClaim(key: string): Promise<void> {
    const claim = claims.objects.get(key)
    if (!claim || !isHeldBy(claim, claimFinalizer)) return
    const namespace = claim.metadata.namespace ?? ''
    const known = podInformer.objects.list().filter(pod => pod.metadata.namespace === namespace)
    if (!claimIsFree(claim, known)) return
    // Our copy may not show a pod that has just been bound: data are at stake, so the server is asked.
    const { items } = await client.list(pods, { namespace })
    if (claimIsFree(claim, items)) {
      await client.update(persistentVolumeClaims, without(claim, claimFinalizer)).catch(unlessGone)
    }
  }

  async function releaseVolume(key: string): Promise<void> {
    const volume = volumes.objects.get(key)
    if (!volume || !isHeldBy(volume, volumeFinalizer) || !volumeIsFree(volume)) return
    await client.update(persistentVolumes, without(volume, volumeFinalizer)).catch(unlessGone)
  }

  const podChanged = (pod: Pod) => {
    for (const name of claimsOf(pod)) ofClaims.queue.add(keyOf(pod.metadata.namespace, name))
  }
  const claimChanged = (claim: KubeObject) => ofClaims.queue.add(objectKey(claim))
  const volumeChanged = (volume: KubeObject) => ofVolumes.queue.add(objectKey(volume))
  const unsubscribe = [
    claims.addHandlers({ onAdd: claimChanged, onUpdate: claimChanged }),
    volumes.addHandlers({ onAdd: volumeChanged, onUpdate: volumeChanged }),
    podInformer.addHandlers({ onUpdate: podChanged, onDelete: podChanged }),
  ]
  const controllers = [
    runningController(context, { ...ofClaims, unsubscribe }),
    runningController(context, { ...ofVolumes, unsubscribe: [] }),
  ]
  return {
    stop() {
      for (const controller of controllers) controller.stop()
    },
  }
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error
}
