// What a Job says of itself in conditions. Pure. Counterpart: pkg/controller/job/util.

import type { Job, JobCondition } from '../../api/types/batch.js'

export function hasCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.some(one => one.type === type && one.status === 'True') ?? false
}

/** Complete or Failed; undefined while it goes on. */
export function finishedCondition({ status }: Job): JobCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'),
  )
}

export const isFinished = (job: Job): boolean => finishedCondition(job) !== undefined
