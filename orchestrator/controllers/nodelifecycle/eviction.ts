// When a pod has to leave a node because of NoExecute taints. Pure. Counterpart:
// pkg/controller/tainteviction. Beyond the original, time runs from the taint's own timeAdded, so
// a new leader does not start the toleration over again.

import { tolerates } from '../../api/tolerations.js'
import type { Taint, Toleration } from '../../api/types/core-scheduling.js'
import { parseTimeMs } from '../../client/timestamps.js'

/** Wall time of the eviction; null when the pod may stay for ever. */
export function evictionTimeMs(
  tolerations: readonly Toleration[],
  taints: readonly Taint[],
  nowMs: number,
): number | null {
  let soonest: number | null = null
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue
    const matching = tolerations.filter(toleration => tolerates(toleration, taint))
    if (matching.length === 0) return nowMs
    const limits = matching
      .map(toleration => toleration.tolerationSeconds)
      .filter(seconds => seconds !== undefined)
    if (limits.length === 0) continue
    const seconds = Math.max(0, Math.min(...limits))
    const atMs = (parseTimeMs(taint.timeAdded) ?? nowMs) + seconds * 1000
    if (soonest === null || atMs < soonest) soonest = atMs
  }
  return soonest
}
