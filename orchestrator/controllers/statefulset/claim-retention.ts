// Whose the claims of a StatefulSet are: nobody's where they outlive everything, the set's where they go with it, the
// pod's where they go when the set becomes smaller. The garbage collector does the rest. Pure. Counterpart:
// claimOwnerMatchesSetAndPod and updateClaimOwnerRefForSetAndPod of pkg/controller/statefulset.

import type { OwnerReference } from '../../api/object.js'
import type { StatefulSet } from '../../api/types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { sameJson } from '../canonical-json.js'

export interface ClaimOwners {
  readonly claim: PersistentVolumeClaim
  readonly ownerReferences: readonly OwnerReference[]
}

/** `condemned`: the pod goes because the set has become smaller. Null when nothing is to be changed. */
export function ownersOf(
  set: StatefulSet,
  pod: Pod,
  condemned: boolean,
  claim: PersistentVolumeClaim,
): ClaimOwners | null {
  const policy = set.spec.persistentVolumeClaimRetentionPolicy
  const onScale = policy?.whenScaled === 'Delete'
  const onDelete = policy?.whenDeleted === 'Delete'
  const old = claim.metadata.ownerReferences ?? []
  // Claims that others own are their affair.
  if (old.some(owner => owner.controller === true && !isOf(owner, set) && !isPod(owner, pod))) {
    return null
  }
  const others = old.filter(owner => !isOf(owner, set) && !isPod(owner, pod))
  const ours = onScale && condemned ? [podReference(pod)] : onDelete ? [setReference(set)] : []
  const ownerReferences = [...others, ...ours]
  return sameJson(ownerReferences, old) ? null : { claim, ownerReferences }
}

/** It is being deleted, or will be with a pod of before: the next pod of the name must wait for another one. */
export function isGoing({ metadata }: PersistentVolumeClaim, pod: string): boolean {
  const owners = metadata.ownerReferences ?? []
  return (
    metadata.deletionTimestamp !== undefined ||
    owners.some(({ kind, name }) => kind === 'Pod' && name === pod)
  )
}

const isOf = (owner: OwnerReference, set: StatefulSet): boolean => owner.uid === set.metadata.uid
const isPod = (owner: OwnerReference, pod: Pod): boolean =>
  owner.kind === 'Pod' && owner.name === pod.metadata.name

const podReference = ({ metadata }: Pod): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
})

const setReference = ({ metadata }: StatefulSet): OwnerReference => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
})
