// Whether a Job that has finished has been kept long enough. Pure. Counterpart: pkg/controller/ttlafterfinished.

import type { Job } from '../../api/types/batch.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { finishedCondition } from '../job/conditions.js'
import { isDeleting } from '../ownership.js'

/** How long it is still kept; 0 when its time is over, null when it is none of our business. */
export function keptForMs(job: Job, nowMs: number): number | null {
  const { ttlSecondsAfterFinished } = job.spec
  const finishedMs = parseTimeMs(finishedCondition(job)?.lastTransitionTime)
  if (ttlSecondsAfterFinished === undefined || finishedMs === null || isDeleting(job)) return null
  return Math.max(0, finishedMs + ttlSecondsAfterFinished * 1000 - nowMs)
}
