// Jobs: pods that run until enough of them have succeeded. Counterpart: pkg/registry/batch/job and
// printJob.

import { jobDefaults, withGeneratedSelector } from '../../defaults/job.js'
import { ageOf, humanDuration } from '../../duration.js'
import type { Kind } from '../../kind.js'
import { job as schema } from '../../schema/batch.js'
import { msOfTime } from '../../time.js'
import type { Job } from '../../types/batch.js'
import { validateJob } from '../../validation/job.js'
import { ageColumn, containerColumns, nameColumn, selectorText, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function statusText({ metadata, status }: Job): string {
  const has = (type: string) =>
    (status?.conditions ?? []).some(c => c.type === type && c.status === 'True')
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  return ['Suspended', 'FailureTarget'].find(has) ?? 'Running'
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  const { completions, parallelism = 0 } = spec
  if (completions !== undefined) return `${succeeded}/${completions}`
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

/** From its start to its end, or until now; nothing before the start. */
function durationText({ status }: Job, nowMs: number): string {
  const { startTime, completionTime } = status ?? {}
  if (startTime === undefined) return ''
  if (completionTime === undefined) return ageOf(startTime, nowMs)
  return humanDuration((msOfTime(completionTime) ?? 0) - (msOfTime(startTime) ?? 0))
}

export const job: Kind = {
  ...ordinary,
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  categories: ['all'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<Job>('Status', 'How it stands, in one word.', statusText),
    text<Job>('Completions', 'Pods that have succeeded, of those wanted.', completionsText),
    text<Job>('Duration', 'How long it runs, or ran.', durationText),
    ageColumn,
    ...containerColumns<Job>(j => j.spec.template.spec),
    wide<Job>('Selector', 'Labels of its pods.', j => selectorText(j.spec.selector)),
  ],
  fieldSelectors: {
    'status.successful': object => String((object as Job).status?.succeeded ?? 0),
  },
  withDefaults: jobDefaults,
  validate: (object, old) => validateJob(object as Job, old as Job | null),
  writes: { onCreate: withGeneratedSelector, orphansDependents: true },
}
