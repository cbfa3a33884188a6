// Which pods of an older revision a DaemonSet replaces next. Pure. Counterpart: rollingUpdate in update.go of
// pkg/controller/daemon. Without surge old pods go first, and their nodes get new ones in a later round; with it new
// ones come beside the old, which go once the new are available.

import { scaledValue } from '../../api/int-or-string.js'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isDeleting } from '../ownership.js'
import type { Place } from './places.js'

export interface RolloutLimits {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

export interface Rollout {
  /** Names of nodes that get a second pod. */
  readonly creations: readonly string[]
  readonly deletions: readonly Pod[]
}

/** How pods are told apart. */
export interface PodTests {
  /** It is of the current revision. */
  readonly isCurrent: (pod: Pod) => boolean
  /** It has been ready for long enough. */
  readonly isAvailable: (pod: Pod) => boolean
}

const nothing: Rollout = { creations: [], deletions: [] }

function isRollingUpdate({ spec }: DaemonSet): boolean {
  return (spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
}

/** Percentages are of `desired` and round up; if both come to 0 one pod may be missing. */
export function rolloutLimits(set: DaemonSet, desired: number): RolloutLimits {
  if (!isRollingUpdate(set)) return { maxSurge: 0, maxUnavailable: 0 }
  const { maxSurge = 0, maxUnavailable = 0 } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const surge = scaledValue(maxSurge, desired, 'up') ?? 0
  const unavailable = scaledValue(maxUnavailable, desired, 'up') ?? 0
  if (surge === 0 && unavailable === 0 && desired > 0) return { maxSurge: 0, maxUnavailable: 1 }
  return { maxSurge: surge, maxUnavailable: unavailable }
}

/** Whether a node may hold two pods for a while. */
export function allowsSurge(set: DaemonSet): boolean {
  return rolloutLimits(set, 1).maxSurge > 0
}

/** For once there is nothing else to do: every node has its pod, and no pod is too many. */
export function planRollout(set: DaemonSet, places: readonly Place[], tests: PodTests): Rollout {
  if (!isRollingUpdate(set)) return nothing
  const desired = places.filter(({ fit }) => fit === 'wanted').length
  const { maxSurge, maxUnavailable } = rolloutLimits(set, desired)
  return maxSurge === 0
    ? replacements(places, tests, maxUnavailable)
    : surges(places, tests, { desired, maxSurge })
}

/** What runs on a node; null while there is more of it than is good. */
interface Pair {
  readonly fresh: Pod | null
  readonly old: Pod | null
}

function pairOf({ pods }: Place, { isCurrent }: PodTests): Pair | null {
  const staying = pods.filter(pod => !isDeleting(pod))
  const [fresh = null, moreFresh] = staying.filter(isCurrent)
  const [old = null, moreOld] = staying.filter(pod => !isCurrent(pod))
  return moreFresh === undefined && moreOld === undefined ? { fresh, old } : null
}

function replacements(places: readonly Place[], tests: PodTests, maxUnavailable: number): Rollout {
  let unavailable = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const place of places) {
    const pair = pairOf(place, tests)
    const both = pair !== null && pair.fresh !== null && pair.old !== null
    if (pair === null || both) {
      unavailable++
    } else if (pair.old !== null) {
      if (tests.isAvailable(pair.old)) candidates.push(pair.old)
      else broken.push(pair.old)
    } else if (pair.fresh !== null) {
      if (!tests.isAvailable(pair.fresh)) unavailable++
    } else if (place.fit === 'wanted') {
      unavailable++
    }
  }
  // Nothing is lost with one that does not work, however many these are.
  const more = Math.max(0, maxUnavailable - unavailable - broken.length)
  return { creations: [], deletions: [...broken, ...candidates.slice(0, more)] }
}

function surges(
  places: readonly Place[],
  tests: PodTests,
  limits: { readonly desired: number; readonly maxSurge: number },
): Rollout {
  let surging = 0
  let available = 0
  const broken: string[] = []
  const candidates: string[] = []
  const done: Pod[] = []
  const leaving: Pod[] = []
  for (const place of places) {
    const pair = pairOf(place, tests)
    if (pair === null) {
      surging++
      continue
    }
    const { fresh, old } = pair
    const serving = old ?? fresh
    const serves = serving !== null && tests.isAvailable(serving)
    if (serves) available++
    if (old === null) continue
    if (fresh !== null) {
      if (tests.isAvailable(fresh)) done.push(old)
      else surging++
    } else if (place.fit === 'wanted') {
      const nodes = serves ? candidates : broken
      nodes.push(place.name)
    } else {
      const pods = serves ? leaving : done
      pods.push(old)
    }
  }
  // Whoever surges wants no pod to be missing: what leaves a node for good waits for enough others.
  const spare = Math.max(0, available - limits.desired)
  const more = Math.max(0, limits.maxSurge - surging)
  return {
    creations: [...broken, ...candidates.slice(0, more)],
    deletions: [...done, ...leaving.slice(0, spare)],
  }
}
