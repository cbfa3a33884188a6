// The indexes of an Indexed Job: which have succeeded, which have failed for good, which are to be tried again, and
// which come next. Pure. Counterpart: indexed_job_utils.go of pkg/controller/job. How often an index has failed stands
// on its pods, so the last one that failed stays until its successor carries the number on.

import {
  hasIndex,
  type IndexInterval,
  indexesBelow,
  intervalsOf,
  joinIndexes,
  parseIndexes,
} from '../../api/job-indexes.js'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isPodActive } from '../pod-state.js'
import { endedMs } from './backoff.js'
import { countsAsFailure, failureVerdict } from './failure-policy.js'
import { endedHow, isTracked } from './tracking.js'

/** An annotation and a label. */
export const completionIndexKey = 'batch.kubernetes.io/job-completion-index'
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
export const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count'

export interface JobIndexes {
  readonly completions: number
  /** No index is in both. */
  readonly succeeded: readonly IndexInterval[]
  /** null where indexes have no limit of their own. */
  readonly failed: readonly IndexInterval[] | null
  /** By index: the last failure of each that is to be tried again. Empty without a limit of their own. */
  readonly awaiting: ReadonlyMap<number, Pod>
}

/** null for a pod that has none. */
export function completionIndexOf({ metadata }: Pod): number | null {
  const text = metadata.annotations?.[completionIndexKey]
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null
}

/** Failures of its index before it: those that count, and those that a policy ignores. */
export function earlierFailures({ metadata }: Pod): { counted: number; ignored: number } {
  const number = (key: string) => {
    const text = metadata.annotations?.[key]
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
  }
  return {
    counted: number(failureCountAnnotation),
    ignored: number(ignoredFailureCountAnnotation),
  }
}

/** Together with its own. */
export function failuresUpTo(pod: Pod): number {
  const { counted, ignored } = earlierFailures(pod)
  return counted + ignored + 1
}

/** As its status has it, together with the ends that are to be recorded now; null for other Jobs. */
export function indexesOf(job: Job, pods: readonly Pod[], nowMs: number): JobIndexes | null {
  const { completionMode, completions = 0, backoffLimitPerIndex } = job.spec
  if (completionMode !== 'Indexed') return null
  const limited = backoffLimitPerIndex !== undefined
  const oldSucceeded = stored(job.status?.completedIndexes, completions)
  const oldFailed = limited ? stored(job.status?.failedIndexes, completions) : []
  const newSucceeded = new Set<number>()
  const newFailed = new Set<number>()
  for (const pod of pods) {
    const index = completionIndexOf(pod)
    if (index === null || index >= completions || !isTracked(pod)) continue
    const how = endedHow(job, pod)
    if (how === 'succeeded' && !hasIndex(oldFailed, index)) newSucceeded.add(index)
    if (how === 'failed' && limited && isLastFailure(job, pod)) newFailed.add(index)
  }
  const succeeded = joinIndexes(oldSucceeded, intervalsOf(newSucceeded))
  const failedNow = [...newFailed].filter(index => !hasIndex(succeeded, index))
  const failed = limited ? joinIndexes(oldFailed, intervalsOf(failedNow)) : null
  const settled = failed === null ? succeeded : joinIndexes(succeeded, failed)
  const awaiting = limited ? lastFailures(job, pods, settled, nowMs) : new Map<number, Pod>()
  return { completions, succeeded, failed, awaiting }
}

function stored(text: string | undefined, completions: number): readonly IndexInterval[] {
  const parsed = parseIndexes(text ?? '', Number.POSITIVE_INFINITY)
  return 'problem' in parsed ? [] : joinIndexes(indexesBelow(parsed.intervals, completions), [])
}

/** Whether its index is not tried again. */
function isLastFailure(job: Job, pod: Pod): boolean {
  const action = failureVerdict(job, pod)?.action
  if (action === 'FailIndex') return true
  if (action === 'Ignore') return false
  return earlierFailures(pod).counted >= (job.spec.backoffLimitPerIndex ?? 0)
}

function lastFailures(
  job: Job,
  pods: readonly Pod[],
  settled: readonly IndexInterval[],
  nowMs: number,
): ReadonlyMap<number, Pod> {
  const recorded = new Set(job.status?.uncountedTerminatedPods?.failed)
  // A pod that runs carries the number of its predecessors.
  const running = new Set(pods.filter(isPodActive).map(completionIndexOf))
  const last = new Map<number, Pod>()
  for (const pod of pods) {
    const index = completionIndexOf(pod)
    if (index === null || index >= (job.spec.completions ?? 0)) continue
    if (running.has(index) || hasIndex(settled, index)) continue
    if (!isTracked(pod) || recorded.has(pod.metadata.uid ?? '')) continue
    if (endedHow(job, pod) !== 'failed') continue
    const other = last.get(index)
    if (other === undefined || isLater(pod, other, nowMs)) last.set(index, pod)
  }
  return last
}

function isLater(pod: Pod, other: Pod, nowMs: number): boolean {
  const more = failuresUpTo(pod) - failuresUpTo(other)
  return more > 0 || (more === 0 && endedMs(pod, nowMs) > endedMs(other, nowMs))
}

/** The lowest that nobody works on and that are not over, at most so many. */
export function pendingIndexes(
  { completions, succeeded, failed }: JobIndexes,
  taken: Iterable<number>,
  countMax: number,
): readonly number[] {
  const over = joinIndexes(joinIndexes(succeeded, failed ?? []), intervalsOf(taken))
  const end = { first: completions, last: completions }
  const pending: number[] = []
  let next = 0
  for (const { first, last } of [...over, end]) {
    for (; next < Math.min(first, completions) && pending.length < countMax; next++) {
      pending.push(next)
    }
    next = Math.max(next, last + 1)
  }
  return pending
}

/** Active pods of no index, of one that is over, or of one that another works on, too. */
export function superfluousPods(
  { completions, succeeded, failed }: JobIndexes,
  /** As they are to be deleted: the last is the most worth keeping. */
  ranked: readonly Pod[],
): ReadonlySet<Pod> {
  const over = joinIndexes(succeeded, failed ?? [])
  const taken = new Set<number>()
  const superfluous = new Set<Pod>()
  for (const pod of ranked.toReversed()) {
    const index = completionIndexOf(pod)
    const useful = index !== null && index < completions && !hasIndex(over, index)
    if (useful && !taken.has(index)) taken.add(index)
    else superfluous.add(pod)
  }
  return superfluous
}

/** What the annotations of the next pod of an index say. */
export function failureCountsAfter(
  job: Job,
  failure: Pod | undefined,
): { readonly counted: number; readonly ignored: number } {
  if (failure === undefined) return { counted: 0, ignored: 0 }
  const { counted, ignored } = earlierFailures(failure)
  return countsAsFailure(job, failure)
    ? { counted: counted + 1, ignored }
    : { counted, ignored: ignored + 1 }
}
