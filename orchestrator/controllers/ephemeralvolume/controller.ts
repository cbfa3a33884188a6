// Makes the claims of pods' generic ephemeral volumes; the garbage collector removes them with the pod. Counterpart:
// pkg/controller/volume/ephemeral.

import type { KubeObject } from '../../api/object.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isAlreadyExists, isNamespaceTerminating } from '../../client/api-error.js'
import { keyOf, objectKey, persistentVolumeClaims, pods, splitKey } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { byMountedClaim, mountedClaimIndex } from '../storageprotection/reconcile.js'
import { hasEphemeralVolumes, planEphemeralVolumes } from './reconcile.js'

export function startEphemeralVolumeController(context: ControllerContext): Controller {
  const { client, informers } = context
  const claims = informers.of(persistentVolumeClaims)
  const podInformer = informers.of(pods)
  podInformer.addIndex(mountedClaimIndex, byMountedClaim)
  const recorder = recorderOf(context, 'ephemeral_volume')
  const { queue, start } = reconcilerQueue(context, {
    name: 'ephemeral-volume',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const pod = podInformer.objects.get(key)
    if (pod === undefined) return
    const { namespace } = splitKey(key)
    const plan = planEphemeralVolumes(pod, name => claims.objects.get(keyOf(namespace, name)))
    const failed = (volume: string, why: string) => {
      recorder.record(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume}: ${why}`)
      return new Error(`ephemeral volume ${volume}: ${why}`)
    }
    for (const { volume, claim } of plan.creations) {
      try {
        await client.create(persistentVolumeClaims, claim)
      } catch (error) {
        if (isNamespaceTerminating(error)) return
        // Whose it is the informer will show, and the next round will say.
        if (isAlreadyExists(error)) throw error
        throw failed(volume, `create PVC ${claim.metadata.name}: ${errorText(error)}`)
      }
    }
    // Until somebody removes what is in the way.
    for (const { volume, message } of plan.refusals) throw failed(volume, message)
  }

  const look = (pod: Pod) => {
    if (hasEphemeralVolumes(pod)) queue.add(objectKey(pod))
  }
  const unsubscribe = [
    // What a pod asks for never changes.
    podInformer.addHandlers({ onAdd: look }),
    claims.addHandlers({
      onDelete: (claim: KubeObject) => {
        for (const pod of podInformer.objects.byIndex(mountedClaimIndex, objectKey(claim)))
          look(pod)
      },
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
