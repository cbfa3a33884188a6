// One round for a volume: its phase, and what becomes of it once its claim is gone. Pure. Counterpart: syncVolume and
// reclaimVolume of pkg/controller/volume/persistentvolume.

import { isLocalVolume, localVolumeFinalizer } from '../../api/local-volume.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isDeleting } from '../ownership.js'
import { boundByController, isMarked, provisionedBy, unmarked } from './binding.js'
import { modeOf } from './matching.js'
import { type BinderPlan, doing, event, nothing, telling } from './plan.js'
import { recycledClaim, recyclerPod } from './recycler.js'
import { phaseStep, type VolumePhase } from './volume-phase.js'

export interface VolumeInput {
  readonly volume: PersistentVolume
  /** The claim that it names by uid; null: the server has it no more. */
  readonly claim: PersistentVolumeClaim | null
  /** The pod that empties it, if there is one. */
  readonly recycler: Pod | null
  /** The node that would remove a local volume's directory no longer exists. */
  readonly nodeGone: boolean
  /** RFC 3339. */
  readonly now: string
}

export function planVolume(input: VolumeInput): BinderPlan {
  const { volume, claim, recycler } = input
  const ref = volume.spec?.claimRef
  if (recycler !== null && !isDeleting(recycler) && recycledClaim(recycler) !== ref?.uid) {
    return doing({ kind: 'delete-pod', pod: recycler })
  }
  if (ref === undefined || (ref.uid ?? '') === '') return phase(input, 'Available')
  if (claim === null) return planReleased(input)
  const wanted = claim.spec?.volumeName ?? ''
  if (wanted === volume.metadata.name) return phase(input, 'Bound')
  if (wanted === '') return planWaiting(volume, claim)
  // Its claim has got another one meanwhile.
  const isSpare =
    isMarked(volume, provisionedBy) && volume.spec?.persistentVolumeReclaimPolicy === 'Delete'
  return isSpare ? planReleased(input) : planUnbinding(input)
}

function phase(
  { volume, now }: VolumeInput,
  wanted: VolumePhase,
  then: BinderPlan = nothing,
): BinderPlan {
  const step = phaseStep(volume, wanted, now)
  return step === null ? then : doing(step)
}

/** The claim's own round goes on from here, unless they do not fit. */
function planWaiting(volume: PersistentVolume, claim: PersistentVolumeClaim): BinderPlan {
  if (modeOf(volume) === modeOf(claim)) return nothing
  const { name } = volume.metadata
  const why = 'due to incompatible volumeMode.'
  const ofVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" ${why}`
  const ofClaim = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim ${why}`
  return telling(
    event(volume, 'Warning', 'VolumeMismatch', ofVolume),
    event(claim, 'Warning', 'VolumeMismatch', ofClaim),
  )
}

/** What we wrote is taken back; what a user wrote stays, without the uid that we added. */
function planUnbinding({ volume }: VolumeInput): BinderPlan {
  return doing({ kind: 'update-volume', volume: unbound(volume) })
}

function unbound(volume: PersistentVolume): PersistentVolume {
  const { claimRef, ...spec } = volume.spec ?? {}
  if (isMarked(volume, boundByController)) {
    return { ...unmarked(volume, boundByController), spec }
  }
  const { uid: _, resourceVersion: _version, ...reserved } = claimRef ?? {}
  return { ...volume, spec: { ...spec, claimRef: reserved } }
}

function planReleased(input: VolumeInput): BinderPlan {
  const { volume } = input
  const known = volume.status?.phase
  if (known !== 'Released' && known !== 'Failed') return phase(input, 'Released')
  const policy = volume.spec?.persistentVolumeReclaimPolicy
  if (policy === 'Delete') return planDeletion(input)
  return policy === 'Recycle' ? planRecycling(input) : nothing
}

/** Who made it removes it. Nobody but a volume's driver or node can get at the data. */
function planDeletion(input: VolumeInput): BinderPlan {
  const { volume, nodeGone } = input
  if (isLocalVolume(volume)) {
    if (!nodeGone) return nothing
    if (!isDeleting(volume)) {
      const text = 'the node of this volume no longer exists, and its data with it'
      const news = event(volume, 'Normal', 'VolumeDelete', text)
      return doing({ kind: 'delete-volume', volume }, news)
    }
    const finalizers = (volume.metadata.finalizers ?? []).filter(
      one => one !== localVolumeFinalizer,
    )
    const metadata = { ...volume.metadata, finalizers }
    return doing({ kind: 'update-volume', volume: { ...volume, metadata } })
  }
  if (isDeleting(volume) || volume.spec?.csi !== undefined || isMarked(volume, provisionedBy)) {
    return nothing
  }
  const { name } = volume.metadata
  const text = `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`
  return failed(input, 'VolumeFailedDelete', text)
}

function failed({ volume, now }: VolumeInput, reason: string, text: string): BinderPlan {
  const step = phaseStep(volume, 'Failed', now, text)
  return step === null ? nothing : doing(step, event(volume, 'Warning', reason, text))
}

/** A pod empties it, and it is free for anybody again. */
function planRecycling(input: VolumeInput): BinderPlan {
  const { volume, recycler } = input
  if (isDeleting(volume)) return nothing
  const pod = recyclerPod(volume)
  if (pod === null) {
    return failed(input, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!')
  }
  if (recycler === null) {
    return volume.status?.phase === 'Failed' ? nothing : doing({ kind: 'create-pod', pod })
  }
  if (isDeleting(recycler)) return nothing
  const { phase: ended, message } = recycler.status ?? {}
  if (ended === 'Succeeded') {
    const news = event(volume, 'Normal', 'VolumeRecycled', 'Volume recycled')
    return doing({ kind: 'update-volume', volume: unbound(volume) }, news)
  }
  if (ended !== 'Failed') return nothing
  const text = `Recycle failed: ${message ?? 'pod failed, pod.Status.Message unknown.'}`
  const plan = failed(input, 'VolumeFailedRecycle', text)
  return plan.step === null ? doing({ kind: 'delete-pod', pod: recycler }) : plan
}
