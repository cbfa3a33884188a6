// CronJobs: a Job whenever the clock says so. Counterpart: pkg/registry/batch/cronjob and printCronJob.

import { cronJobDefaults } from '../../defaults/job.js'
import { ageOf } from '../../duration.js'
import type { Kind } from '../../kind.js'
import { cronJob as schema } from '../../schema/batch.js'
import type { CronJob } from '../../types/batch.js'
import { validateCronJob } from '../../validation/cron-job.js'
import {
  ageColumn,
  containerColumns,
  integer,
  nameColumn,
  none,
  selectorText,
  text,
  wide,
} from '../columns.js'
import { ordinary } from '../kind-parts.js'

function suspendText({ spec }: CronJob): string {
  if (spec.suspend === undefined) return '<unset>'
  return spec.suspend ? 'True' : 'False'
}

function lastScheduleText({ status }: CronJob, nowMs: number): string {
  const last = status?.lastScheduleTime
  return last === undefined ? none : ageOf(last, nowMs)
}

export const cronJob: Kind = {
  ...ordinary,
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<CronJob>('Schedule', 'When Jobs are due.', c => c.spec.schedule),
    text<CronJob>('Timezone', 'Whose clock it goes by.', c => c.spec.timeZone ?? none),
    text<CronJob>('Suspend', 'Whether it rests.', suspendText),
    integer<CronJob>('Active', 'Jobs that are running.', c => c.status?.active?.length ?? 0),
    text<CronJob>('Last Schedule', 'How long ago a Job was due last.', lastScheduleText),
    ageColumn,
    ...containerColumns<CronJob>(c => c.spec.jobTemplate.spec?.template.spec),
    wide<CronJob>('Selector', 'Labels of the pods to come, where they are given.', c =>
      selectorText(c.spec.jobTemplate.spec?.selector),
    ),
  ],
  withDefaults: cronJobDefaults,
  validate: (object, old) => validateCronJob(object as CronJob, old as CronJob | null),
}
