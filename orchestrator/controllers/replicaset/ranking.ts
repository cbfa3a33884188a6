// Which pods go first when there are too many. Pure. Counterpart: ActivePodsWithRanks in
// pkg/controller/controller_utils.go, with its order of reasons.

import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { isPodReady, readySinceMs } from '../pod-state.js'

export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

/** The first in the answer is the first to be deleted. `related` share the pods' workload. */
export function rankForDeletion(
  pods: readonly Pod[],
  related: readonly Pod[],
  nowMs: number,
): readonly Pod[] {
  const perNode = new Map<string, number>()
  for (const pod of related) {
    const node = pod.spec.nodeName ?? ''
    perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  const crowd = (pod: Pod) => perNode.get(pod.spec.nodeName ?? '') ?? 0
  return pods
    .map((pod): Ranked => ({ pod, ranks: ranksOf(pod, crowd(pod), nowMs) }))
    .sort(byRanks)
    .map(({ pod }) => pod)
}

/** Found out once a pod, and not once a comparison. */
interface Ranked {
  readonly pod: Pod
  /** The first in which two pods differ decides, the lesser goes. */
  readonly ranks: readonly number[]
}

function ranksOf(pod: Pod, crowd: number, nowMs: number): readonly number[] {
  return [
    Number(isAssigned(pod)),
    phaseRank(pod),
    Number(isPodReady(pod)),
    deletionCost(pod),
    -crowd,
    // Times are compared by magnitude, so that pods of about one age fall evenly.
    ageRank(readySinceMs(pod), nowMs),
    -restarts(pod),
    ageRank(createdMs(pod), nowMs),
  ]
}

function byRanks(a: Ranked, b: Ranked): number {
  for (let at = 0; at < a.ranks.length; at++) {
    const difference = (a.ranks[at] ?? 0) - (b.ranks[at] ?? 0)
    if (difference !== 0) return difference
  }
  return compareText(a.pod.metadata.uid ?? '', b.pod.metadata.uid ?? '')
}

function isAssigned(pod: Pod): boolean {
  return (pod.spec.nodeName ?? '') !== ''
}

function phaseRank(pod: Pod): number {
  switch (pod.status?.phase ?? '') {
    case 'Running':
      return 2
    case 'Unknown':
      return 1
    default:
      return 0
  }
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation]
  return text !== undefined && /^[-+]?\d{1,10}$/.test(text) ? Number(text) : 0
}

/** 0 for the youngest, one more for each doubling of the age in seconds. */
function ageRank(sinceMs: number | null, nowMs: number): number {
  if (sinceMs === null) return 0
  const seconds = Math.max(0, nowMs - sinceMs) / 1000
  return seconds < 1 ? 0 : 1 + Math.floor(Math.log2(seconds))
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map(status => status.restartCount))
}

function createdMs(pod: Pod): number | null {
  return parseTimeMs(pod.metadata.creationTimestamp)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
