// What is to be written for a claim that asks for more than it has. Pure. Counterpart: pkg/controller/volume/expand. Volumes
// that are directories of a node grow by saying so; those of drivers are left to the resizer that comes with each.
//
//   claim: Resizing, allocated ──> volume: capacity ──> claim: capacity, no condition

import { localProvisioner } from '../../api/local-volume.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
} from '../../api/types/core-persistent-volume.js'
import { sameJson } from '../canonical-json.js'
import { isDeleting } from '../ownership.js'
import { capacityOf, provisionedBy, requestOf, sizeOf } from '../persistentvolume/binding.js'

export type ExpandStep =
  | { readonly kind: 'claim-status'; readonly claim: PersistentVolumeClaim }
  | { readonly kind: 'update-volume'; readonly volume: PersistentVolume }

export interface ExpandPlan {
  readonly step: ExpandStep | null
  readonly event: {
    readonly type: 'Normal' | 'Warning'
    readonly reason: string
    readonly message: string
  } | null
}

const nothing: ExpandPlan = { step: null, event: null }

/** `volume` is the one that the claim names; `now` in RFC 3339. */
export function planExpansion(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume | null,
  now: string,
): ExpandPlan {
  if (volume === null || claim.status?.phase !== 'Bound' || isDeleting(claim)) return nothing
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) return nothing
  const asked = claim.spec?.resources?.requests?.['storage'] ?? ''
  const isOurs = volume.metadata.annotations?.[provisionedBy] === localProvisioner
  if (requestOf(claim) <= sizeOf(claim.status.capacity)) {
    return isOurs ? finished(claim, claim.status.capacity ?? {}) : nothing
  }
  if (!isOurs) return left(volume)
  if (capacityOf(volume) < requestOf(claim)) {
    const begun = resizing(claim, asked, now)
    if (begun !== null) return { step: begun, event: null }
    const spec = { ...volume.spec, capacity: { storage: asked } }
    return { step: { kind: 'update-volume', volume: { ...volume, spec } }, event: null }
  }
  return finished(claim, volume.spec?.capacity ?? {})
}

function left({ spec }: PersistentVolume): ExpandPlan {
  const reason = 'ExternalExpanding'
  if (spec?.csi !== undefined) {
    const message = 'waiting for an external controller to expand this PVC'
    return { step: null, event: { type: 'Normal', reason, message } }
  }
  const message =
    "Ignoring the PVC: didn't find a plugin capable of expanding the volume; waiting for an external " +
    'controller to process this PVC.'
  return { step: null, event: { type: 'Warning', reason, message } }
}

/** Null when the claim says so already. */
function resizing(claim: PersistentVolumeClaim, asked: string, now: string): ExpandStep | null {
  const before = claim.status ?? {}
  const known = before.conditions?.find(({ type }) => type === 'Resizing')
  const condition = { type: 'Resizing', status: 'True', lastTransitionTime: now }
  const status: PersistentVolumeClaimStatus = {
    ...before,
    allocatedResources: { ...before.allocatedResources, storage: asked },
    allocatedResourceStatuses: {
      ...before.allocatedResourceStatuses,
      storage: 'ControllerResizeInProgress',
    },
    conditions: [...withoutResizing(before), known?.status === 'True' ? known : condition],
  }
  return sameJson(status, before) ? null : { kind: 'claim-status', claim: { ...claim, status } }
}

/** A directory needs nothing of its node to be larger. */
function finished(
  claim: PersistentVolumeClaim,
  capacity: { readonly [name: string]: string },
): ExpandPlan {
  const before = claim.status ?? {}
  const { storage: _, ...statuses } = before.allocatedResourceStatuses ?? {}
  const status: PersistentVolumeClaimStatus = {
    ...before,
    capacity,
    allocatedResourceStatuses: statuses,
    conditions: withoutResizing(before),
  }
  if (sameJson(status, { allocatedResourceStatuses: {}, ...before })) return nothing
  const message = `Resize volume succeeded, it has ${capacity['storage'] ?? '0'} now`
  return {
    step: { kind: 'claim-status', claim: { ...claim, status } },
    event: { type: 'Normal', reason: 'VolumeResizeSuccessful', message },
  }
}

const resizeConditions: readonly string[] = ['Resizing', 'FileSystemResizePending']

const withoutResizing = ({ conditions = [] }: PersistentVolumeClaimStatus) =>
  conditions.filter(({ type }) => !resizeConditions.includes(type))
