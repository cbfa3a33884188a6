// Until when a claim or a volume that was deleted is held back. Pure. Counterparts: pkg/controller/volume/pvcprotection
// and pvprotection.

import type { KubeObject } from '../../api/object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { keyOf } from '../../client/resources.js'
import { isDeleting } from '../ownership.js'

export const claimFinalizer = 'kubernetes.io/pvc-protection'
export const volumeFinalizer = 'kubernetes.io/pv-protection'

/** Names of the claims that a pod mounts, those that are made for it included. */
export function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(volume => {
    if (volume.ephemeral !== undefined) return [`${metadata.name}-${volume.name}`]
    return volume.persistentVolumeClaim?.claimName ?? []
  })
}

/** The same as keys, "namespace/name", for an index of pods. */
export const mountedClaimIndex = 'mounted claim'
export const byMountedClaim = (pod: Pod): readonly string[] =>
  claimsOf(pod).map(name => keyOf(pod.metadata.namespace, name))

/** `pods` are those of its namespace. One without a node will not start on a claim that is going. */
export function claimIsFree(claim: PersistentVolumeClaim, pods: readonly Pod[]): boolean {
  const name = claim.metadata.name ?? ''
  return !pods.some(pod => (pod.spec.nodeName ?? '') !== '' && claimsOf(pod).includes(name))
}

export function volumeIsFree({ status }: PersistentVolume): boolean {
  return status?.phase !== 'Bound'
}

/** Deleted, and held back by this. */
export function isHeldBy(object: KubeObject, finalizer: string): boolean {
  return isDeleting(object) && (object.metadata.finalizers?.includes(finalizer) ?? false)
}

export function without<T extends KubeObject>(object: T, finalizer: string): T {
  const finalizers = (object.metadata.finalizers ?? []).filter(other => other !== finalizer)
  return { ...object, metadata: { ...object.metadata, finalizers } }
}
