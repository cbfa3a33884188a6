// Counts the ends of a Job's pods, each once. Pure. Counterpart: trackJobStatusAndRemoveFinalizers of
// pkg/controller/job. First the uid of a pod that has ended stands in the status, then its finalizer goes, then it is
// counted and its uid goes too. Successes of an Indexed Job need no uids: their indexes are in a set.

import { countIndexes } from '../../api/job-indexes.js'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { countsAsFailure } from './failure-policy.js'
import { completionIndexOf, type JobIndexes } from './indexes.js'
import { endedHow, isTracked } from './tracking.js'

export interface Ends {
  /** Counted, and recorded to be counted; of failures also those that are kept. */
  readonly succeeded: number
  readonly failed: number
  readonly counted: { readonly succeeded: number; readonly failed: number }
  readonly lists: { readonly succeeded: readonly string[]; readonly failed: readonly string[] }
  /** Their finalizer may go once the status is written; until then nothing is over. */
  readonly recorded: readonly Pod[]
}

/** Uids in a status; the rest follows in the next round. */
const uncountedMax = 500

/** `kept` are pods that have failed and whose record is put off. */
export function countEnds(
  job: Job,
  pods: readonly Pod[],
  indexes: JobIndexes | null,
  kept: ReadonlySet<Pod>,
): Ends {
  const { uncountedTerminatedPods: before, succeeded = 0, failed = 0 } = job.status ?? {}
  const tracked = new Map(pods.filter(isTracked).map(pod => [pod.metadata.uid ?? '', pod] as const))
  const counted = { succeeded, failed }
  const lists: { succeeded: string[]; failed: string[] } = { succeeded: [], failed: [] }
  const recorded: Pod[] = []
  for (const how of ['succeeded', 'failed'] as const) {
    for (const uid of before?.[how] ?? []) {
      const pod = tracked.get(uid)
      if (pod === undefined) {
        counted[how]++
        continue
      }
      tracked.delete(uid)
      lists[how].push(uid)
      recorded.push(pod)
    }
  }
  let keptFailures = 0
  for (const [uid, pod] of tracked) {
    const how = endedHow(job, pod)
    if (how === null) continue
    if (kept.has(pod)) {
      if (countsAsFailure(job, pod)) keptFailures++
      continue
    }
    if (recorded.length >= uncountedMax) continue
    recorded.push(pod)
    if (isListed(job, pod, how, indexes)) lists[how].push(uid)
  }
  const total = indexes === null ? counted.succeeded : countIndexes(indexes.succeeded)
  return {
    succeeded: indexes === null ? total + lists.succeeded.length : total,
    failed: counted.failed + lists.failed.length + keptFailures,
    counted: { succeeded: total, failed: counted.failed },
    lists,
    recorded,
  }
}

/** Whether its uid has to stand in the status to be counted. */
function isListed(
  job: Job,
  pod: Pod,
  how: 'succeeded' | 'failed',
  indexes: JobIndexes | null,
): boolean {
  if (how === 'failed' && !countsAsFailure(job, pod)) return false
  if (indexes === null) return true
  const index = completionIndexOf(pod)
  return how === 'failed' && index !== null && index < indexes.completions
}
