// Checks of what controllers say of a Job: a Job that has ended stays ended, and nothing is counted
// back. Rules about a field hold once that field changes, so that an old oddity stops nobody.
// Counterpart: validateJobStatus and ValidateJobStatusUpdate of pkg/apis/batch/validation.

import { sameJson } from '../equality.js'
import { parseIndexes, sharedIndex } from '../job-indexes.js'
import type { FieldError } from '../kind.js'
import { msOfTime } from '../time.js'
import type { Job, JobSpec, JobStatus, UncountedTerminatedPods } from '../types/batch.js'
import { duplicate, invalidField, invalidValue, required } from './field-errors.js'
import { validateCounts } from './workload-parts.js'

const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const
const terminalConditions = ['Failed', 'Complete', 'FailureTarget'] as const
const conditionsField = 'status.conditions'

export function validateJobStatus({ spec, status = {} }: Job, old: Job | null): FieldError[] {
  const before = old?.status ?? {}
  return [
    ...validateCounts(status, counts, 'status'),
    ...validateUncounted(status.uncountedTerminatedPods),
    ...validateConditions(spec, status),
    ...(sameJson(status, before)
      ? []
      : [
          ...validateEnd(status, before),
          ...validateTimes(spec, status, before),
          ...validateIndexes(spec, status, before),
          ...validateProgress(spec, status, before),
        ]),
  ]
}

function has({ conditions = [] }: JobStatus, type: string): boolean {
  return conditions.some(c => c.type === type && c.status === 'True')
}

function isFinished(status: JobStatus): boolean {
  return has(status, 'Complete') || has(status, 'Failed')
}

function validateUncounted(pods: UncountedTerminatedPods | undefined): FieldError[] {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap(name =>
    (pods?.[name] ?? []).flatMap((uid, index) => {
      const field = `status.uncountedTerminatedPods.${name}[${index}]`
      if (uid === '') return [invalidValue(field, uid, 'must not be empty')]
      if (seen.has(uid)) return [duplicate(field, uid)]
      seen.add(uid)
      return []
    }),
  )
}

function validateConditions(spec: JobSpec, status: JobStatus): FieldError[] {
  const texts: string[] = []
  const successful = has(status, 'SuccessCriteriaMet')
  if (successful && has(status, 'Failed')) {
    texts.push('cannot set SuccessCriteriaMet=True and Failed=true conditions')
  }
  if (successful && has(status, 'FailureTarget')) {
    texts.push('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  }
  if (spec.successPolicy !== undefined && !successful && has(status, 'Complete')) {
    texts.push('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True')
  }
  return texts.map(text => invalidField(conditionsField, text))
}

/** What goes with having ended. */
function validateEnd(status: JobStatus, before: JobStatus): FieldError[] {
  const errors: FieldError[] = []
  const turned = (type: string) => has(status, type) !== has(before, type)
  const complete = has(status, 'Complete')
  if (complete && has(status, 'Failed') && (turned('Complete') || turned('Failed'))) {
    const text = 'cannot set Complete=True and Failed=true conditions'
    errors.push(invalidField(conditionsField, text))
  }
  if (complete && has(status, 'FailureTarget') && (turned('Complete') || turned('FailureTarget'))) {
    const text = 'cannot set Complete=True and FailureTarget=true conditions'
    errors.push(invalidField(conditionsField, text))
  }
  if (!isFinished(status)) return errors
  const ended = !isFinished(before)
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = status
  if (active > 0 && (ended || active !== (before.active ?? 0))) {
    errors.push(invalidValue('status.active', active, 'active>0 is invalid for finished job'))
  }
  if (startTime === undefined && (ended || before.startTime !== undefined)) {
    errors.push(required('status.startTime', 'startTime is required for finished job'))
  }
  const left = (uncounted?.succeeded ?? []).length + (uncounted?.failed ?? []).length
  if (left > 0 && (ended || !sameJson(uncounted, before.uncountedTerminatedPods))) {
    const text = 'uncountedTerminatedPods needs to be empty for finished job'
    errors.push(invalidValue('status.uncountedTerminatedPods', { ...uncounted }, text))
  }
  return errors
}

function validateTimes(spec: JobSpec, status: JobStatus, before: JobStatus): FieldError[] {
  const errors: FieldError[] = []
  const { startTime, completionTime } = status
  const complete = has(status, 'Complete')
  const field = 'status.completionTime'
  if (complete !== has(before, 'Complete') || completionTime !== before.completionTime) {
    if (completionTime !== undefined && !complete) {
      const text = 'cannot set completionTime when there is no Complete=True condition'
      errors.push(invalidValue(field, completionTime, text))
    }
    if (completionTime === undefined && complete) {
      errors.push(required(field, 'completionTime is required for Complete jobs'))
    }
  }
  const startMs = startTime === undefined ? null : msOfTime(startTime)
  const endMs = completionTime === undefined ? null : msOfTime(completionTime)
  if (startMs !== null && endMs !== null && endMs < startMs) {
    const text = 'completionTime cannot be set before startTime'
    errors.push(invalidValue(field, completionTime, text))
  }
  const moved = completionTime !== undefined && before.completionTime !== undefined
  if (moved && completionTime !== before.completionTime) {
    errors.push(invalidValue(field, completionTime, 'completionTime cannot be mutated'))
  }
  const moves = before.startTime !== undefined && startTime !== before.startTime
  const resumed = has(before, 'Suspended') && !has(status, 'Suspended') && startTime !== undefined
  if (moves && spec.suspend !== true && !resumed) {
    const text = 'field is immutable for unsuspended job once set'
    errors.push(invalidValue('status.startTime', startTime ?? null, text))
  }
  return errors
}

function validateIndexes(spec: JobSpec, status: JobStatus, before: JobStatus): FieldError[] {
  const { completedIndexes: completed = '', failedIndexes: failed } = status
  const completedChanged = completed !== (before.completedIndexes ?? '')
  const failedChanged = failed !== before.failedIndexes
  if (!completedChanged && !failedChanged) return []
  const errors: FieldError[] = []
  const completions = spec.completions ?? 0
  const known = spec.completions !== undefined
  const parsedCompleted = parseIndexes(completed, completions)
  const parsedFailed = parseIndexes(failed ?? '', completions)
  const wrong = (name: string, value: string, text: string) =>
    errors.push(invalidValue(`status.${name}`, value, text))
  if (completedChanged && known && 'problem' in parsedCompleted) {
    const text = `error parsing completedIndexes: ${parsedCompleted.problem}`
    wrong('completedIndexes', completed, text)
  }
  if (completedChanged && completed !== '' && spec.completionMode !== 'Indexed') {
    const text = 'cannot set non-empty completedIndexes when non-indexed completion mode'
    wrong('completedIndexes', completed, text)
  }
  if (failed === undefined) return errors
  const limited = spec.backoffLimitPerIndex !== undefined
  if (failedChanged && limited && known && 'problem' in parsedFailed) {
    wrong('failedIndexes', failed, `error parsing failedIndexes: ${parsedFailed.problem}`)
  }
  if (failedChanged && !limited) {
    const text = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    wrong('failedIndexes', failed, text)
  }
  if (known && 'intervals' in parsedCompleted && 'intervals' in parsedFailed) {
    const both = sharedIndex(parsedCompleted.intervals, parsedFailed.intervals)
    const text = `failedIndexes and completedIndexes overlap at index: ${both}`
    if (both !== null) wrong('failedIndexes', failed, text)
  }
  return errors
}

/** Against the status before: counters go up, and the end is the end. */
function validateProgress(spec: JobSpec, status: JobStatus, before: JobStatus): FieldError[] {
  const errors: FieldError[] = []
  const refuse = (text: string) => errors.push(invalidField(conditionsField, text))
  for (const type of terminalConditions) {
    if (has(before, type) && !has(status, type)) {
      refuse(`cannot disable the terminal ${type}=True condition`)
    }
  }
  if (has(before, 'SuccessCriteriaMet') && !has(status, 'SuccessCriteriaMet')) {
    refuse('cannot disable the SuccessCriteriaMet=True condition')
  }
  if (
    has(before, 'Complete') &&
    !has(before, 'SuccessCriteriaMet') &&
    has(status, 'SuccessCriteriaMet')
  ) {
    refuse('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions')
  }
  // A Job whose indexes all run at once may be made smaller.
  const elastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  for (const name of ['failed', 'succeeded'] as const) {
    const count = status[name] ?? 0
    if (count >= (before[name] ?? 0) || (name === 'succeeded' && elastic)) continue
    errors.push(invalidValue(`status.${name}`, count, `cannot decrease the ${name} counter`))
  }
  return errors
}
