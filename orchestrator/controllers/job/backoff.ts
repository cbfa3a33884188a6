// How long a Job rests after failures. Pure. Counterpart: backoff_utils.go of pkg/controller/job.

import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { podCondition } from '../pod-state.js'

const firstMs = 10_000
const maxMs = 600_000

/** Doubles with every failure since the last success. */
export function backoffMs(pods: readonly Pod[], nowMs: number): number {
  const ended = (phase: string) =>
    pods.filter(({ status }) => status?.phase === phase).map(pod => endedMs(pod, nowMs))
  const lastSuccessMs = Math.max(0, ...ended('Succeeded'))
  const failures = ended('Failed').filter(ms => ms > lastSuccessMs)
  if (failures.length === 0) return 0
  return restMs(failures.length, Math.max(...failures), nowMs)
}

/**
 * What is left of the rest after so many failures, the last of which was at `lastMs`. Never more than the whole
 * rest: what failed by a clock that is ahead of ours did not fail in the future, and who would wait for that would
 * still wait when ours is right again.
 */
export function restMs(failures: number, lastMs: number, nowMs: number): number {
  const delayMs = Math.min(maxMs, firstMs * 2 ** (failures - 1))
  return Math.min(delayMs, Math.max(0, lastMs + delayMs - nowMs))
}

/** By its containers; one that was evicted before it had any, by what else tells. */
export function endedMs(pod: Pod, nowMs: number): number {
  const times = (pod.status?.containerStatuses ?? [])
    .map(({ state }) => parseTimeMs(state?.terminated?.finishedAt))
    .filter(ms => ms !== null)
  if (times.length > 0) return Math.max(...times)
  const ready = podCondition(pod, 'Ready')
  const unready = ready?.status === 'False' ? ready.lastTransitionTime : undefined
  return (
    parseTimeMs(unready) ?? deletedMs(pod) ?? parseTimeMs(pod.metadata.creationTimestamp) ?? nowMs
  )
}

/** The timestamp of a deletion is when its grace is over. */
function deletedMs({ metadata }: Pod): number | null {
  const overMs = parseTimeMs(metadata.deletionTimestamp)
  return overMs === null ? null : overMs - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
}
