// The numbers of a rollout: how many more and how many fewer pods than wanted there may be, and
// each revision's share. Pure. Counterpart: pkg/controller/deployment/util.

import { scaledValue } from '../../api/int-or-string.js'
import type { Deployment } from '../../api/types/apps.js'

export interface RollingLimits {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

export const wantedReplicas = (deployment: Deployment): number => deployment.spec.replicas ?? 1

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
}

/** Percentages round surge up and unavailability down; if both come to 0 one pod may be missing. */
export function rollingLimits(deployment: Deployment): RollingLimits {
  const replicas = wantedReplicas(deployment)
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 }
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {}
  const surge = scaledValue(maxSurge ?? '25%', replicas, 'up') ?? 0
  const unavailable = scaledValue(maxUnavailable ?? '25%', replicas, 'down') ?? 0
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: 1 }
  return { maxSurge: surge, maxUnavailable: Math.min(unavailable, replicas) }
}

/** `sets` in the order in which they gain or lose first. Answers their sizes, summing to the change. */
export function proportionalSizes(
  sets: readonly { readonly replicas: number; readonly maxReplicasAnnotation: number | null }[],
  totals: {
    readonly wanted: number
    readonly maxSurge: number
    readonly statusReplicas: number
  },
): readonly number[] {
  const { wanted, maxSurge, statusReplicas } = totals
  const current = sets.reduce((sum, set) => sum + set.replicas, 0)
  const allowed = wanted > 0 ? wanted + maxSurge : 0
  const toAdd = allowed - current
  let added = 0
  const sizes = sets.map(set => {
    if (toAdd === 0 || set.replicas === 0) return set.replicas
    const base = set.maxReplicasAnnotation ?? statusReplicas
    // A set's part grows as the whole does, measured against the size it was last scaled for.
    const grown = base === 0 ? 0 : Math.round((set.replicas * allowed) / base)
    const fraction = wanted === 0 ? -set.replicas : grown - set.replicas
    const left = toAdd - added
    const share = toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left)
    added += share
    return Math.max(0, set.replicas + share)
  })
  const first = sizes[0]
  if (first === undefined || toAdd === 0) return sizes
  return [Math.max(0, first + toAdd - added), ...sizes.slice(1)]
}
