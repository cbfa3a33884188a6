// Questions about pods that several controllers ask. Pure. Counterpart: pkg/api/v1/pod.

import type { Pod } from '../api/types/core-pod.js'
import type { PodCondition } from '../api/types/core-pod-status.js'
import { formatTime, parseTimeMs } from '../client/timestamps.js'

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find(condition => condition.type === type)
}

/** Its conditions, of which DisruptionTarget says who takes the pod down and why. */
export function disruptedConditions(
  pod: Pod,
  reason: string,
  message: string,
  wallMs: number,
): readonly PodCondition[] {
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
  const lastTransitionTime = formatTime(wallMs)
  return [
    ...others,
    { type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime },
  ]
}

/** Succeeded or Failed: its containers run no more and never will. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Counts for its owner: neither finished nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

/** Wall time since which it has been ready; null when it is not. */
export function readySinceMs(pod: Pod): number | null {
  const condition = podCondition(pod, 'Ready')
  return condition?.status === 'True' ? (parseTimeMs(condition.lastTransitionTime) ?? 0) : null
}

/** How much longer it must stay ready to count as available; 0 when it does, null when unready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | null {
  if (minReadySeconds === 0) return isPodReady(pod) ? 0 : null
  const sinceMs = readySinceMs(pod)
  if (sinceMs === null) return null
  return Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs)
}
