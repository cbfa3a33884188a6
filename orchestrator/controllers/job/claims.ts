// Which pods are a Job's: those that it controls and selects. Orphans that it selects become its own, and what it does
// not select any more is let go. Pure. Counterpart: getPodsForJob of pkg/controller/job.

import { type LabelSelector, labelSelectorFromObject, matchesLabels } from '../../api/selectors.js'
import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { claim, type Claims, controllerOf } from '../ownership.js'

/** `candidates`: pods of its namespace that it owns in some way, or that nobody controls. */
export function claimPods(job: Job, candidates: readonly Pod[]): Claims<Pod> {
  const selector = selectorOf(job)
  if (selector !== null) return claim(job, selector, candidates)
  const owned = candidates.filter(pod => controllerOf(pod)?.uid === job.metadata.uid)
  return { owned, adopt: [], release: [] }
}

export function matchesJob(job: Job, { metadata }: Pod): boolean {
  const selector = selectorOf(job)
  return selector !== null && matchesLabels(selector, metadata.labels)
}

/** Null for one that selects everything, as one that somebody wrote by hand may: that is no claim to anything. */
function selectorOf({ spec }: Job): LabelSelector | null {
  const selector = labelSelectorFromObject(spec.selector)
  return selector === null || selector.length === 0 ? null : selector
}
