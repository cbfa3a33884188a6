// The step that brings a volume into a phase. Pure. Counterpart: updateVolumePhase.

import type { PersistentVolume } from '../../api/types/core-persistent-volume.js'
import type { Step } from './plan.js'

export type VolumePhase = 'Available' | 'Bound' | 'Released' | 'Failed'

/** Null when it is in it already. `now` in RFC 3339. */
export function phaseStep(
  volume: PersistentVolume,
  phase: VolumePhase,
  now: string,
  message = '',
): Step | null {
  const { phase: before, message: said = '', lastPhaseTransitionTime } = volume.status ?? {}
  if (before === phase && said === message) return null
  const since = before === phase ? lastPhaseTransitionTime : now
  const status = {
    phase,
    ...(message === '' ? {} : { message }),
    ...(since === undefined ? {} : { lastPhaseTransitionTime: since }),
  }
  return { kind: 'volume-status', volume: { ...volume, status } }
}
