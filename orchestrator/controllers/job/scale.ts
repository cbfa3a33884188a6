// Which pods a Job makes and which it removes. Pure. Counterpart: manageJob of pkg/controller/job. In one round either
// some are made or some are removed, so that nothing is made up for what is still on its way out.

import { countIndexes } from '../../api/job-indexes.js'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isDeleting } from '../ownership.js'
import { isPodTerminal } from '../pod-state.js'
import { rankForDeletion } from '../replicaset/ranking.js'
import { backoffMs, endedMs, restMs } from './backoff.js'
import {
  completionIndexOf,
  failuresUpTo,
  type JobIndexes,
  pendingIndexes,
  superfluousPods,
} from './indexes.js'
import { podOf } from './pod-template.js'
import { replacesOnlyFailed } from './tracking.js'

export interface Scale {
  readonly creations: readonly Pod[]
  readonly deletions: readonly Pod[]
  /** Until a rest after failures is over; null when nothing rests. */
  readonly waitMs: number | null
}

export interface ScaleInputs {
  readonly job: Job
  readonly pods: readonly Pod[]
  readonly active: readonly Pod[]
  readonly succeeded: number
  readonly terminating: number
  readonly indexes: JobIndexes | null
  /** It has come to an end, one way or the other. */
  readonly over: boolean
  readonly nowMs: number
}

/** Pods made or removed in one round; the rest follows in the next. */
const burstMax = 500

export function scaleOf(inputs: ScaleInputs): Scale {
  const { job, pods, active, indexes, nowMs } = inputs
  const want = wanted(inputs)
  const ranked = rankForDeletion(active, active, nowMs)
  const deletions = toDelete(ranked, ranked.length - want, indexes)
  if (deletions.length > 0) {
    return { creations: [], deletions: deletions.slice(0, burstMax), waitMs: null }
  }
  const leaving = replacesOnlyFailed(job) ? inputs.terminating : 0
  const missing = Math.min(burstMax, Math.max(0, want - active.length - leaving))
  if (missing === 0) return { creations: [], deletions, waitMs: null }
  const waitMs = indexes?.failed ? 0 : backoffMs(pods, nowMs)
  if (waitMs > 0) return { creations: [], deletions, waitMs }
  if (indexes !== null) return { ...creationsByIndex(inputs, indexes, missing), deletions }
  const pod = podOf(job)
  return { creations: Array.from({ length: missing }, () => pod), deletions, waitMs: null }
}

function wanted({ job, active, succeeded, indexes, over }: ScaleInputs): number {
  const { parallelism = 1, completions, suspend } = job.spec
  if (over || suspend === true) return 0
  if (completions !== undefined) {
    const failed = countIndexes(indexes?.failed ?? [])
    return Math.max(0, Math.min(parallelism, completions - succeeded - failed))
  }
  // Those who share a queue of work end by themselves once one has found it empty.
  return succeeded > 0 ? Math.min(active.length, parallelism) : parallelism
}

function toDelete(
  ranked: readonly Pod[],
  surplus: number,
  indexes: JobIndexes | null,
): readonly Pod[] {
  const first = indexes === null ? new Set<Pod>() : superfluousPods(indexes, ranked)
  const others = ranked.filter(pod => !first.has(pod))
  return [...first, ...others.slice(0, Math.max(0, surplus - first.size))]
}

function creationsByIndex(
  { job, pods, active, nowMs }: ScaleInputs,
  indexes: JobIndexes,
  missing: number,
): Pick<Scale, 'creations' | 'waitMs'> {
  const leaving = pods.filter(pod => isDeleting(pod) && !isPodTerminal(pod))
  const working = replacesOnlyFailed(job) ? [...active, ...leaving] : active
  const taken = working
    .map(completionIndexOf)
    .filter(index => index !== null)
    .filter(index => index < indexes.completions)
  const creations: Pod[] = []
  let waitMs: number | null = null
  for (const index of pendingIndexes(indexes, taken, missing)) {
    const failure = indexes.awaiting.get(index)
    const leftMs =
      failure === undefined ? 0 : restMs(failuresUpTo(failure), endedMs(failure, nowMs), nowMs)
    if (leftMs === 0) creations.push(podOf(job, { index, failure }))
    else waitMs = Math.min(waitMs ?? leftMs, leftMs)
  }
  return { creations, waitMs }
}
