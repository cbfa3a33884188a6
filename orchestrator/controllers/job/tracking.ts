// How the end of a pod is kept until it is on record: by a finalizer. Pure.

import type { Job } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isDeleting } from '../ownership.js'

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'

export const isTracked = (pod: Pod): boolean =>
  pod.metadata.finalizers?.includes(trackingFinalizer) ?? false

/** Pods that leave are waited for: how they end says what follows. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined
}

/** One that is being deleted has failed, unless the Job wants to see how it ends; null goes on. */
export function endedHow(job: Job, pod: Pod): 'succeeded' | 'failed' | null {
  if (pod.status?.phase === 'Succeeded') return 'succeeded'
  if (pod.status?.phase === 'Failed') return 'failed'
  return isDeleting(pod) && !replacesOnlyFailed(job) ? 'failed' : null
}
