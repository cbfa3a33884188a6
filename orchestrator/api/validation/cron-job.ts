// Checks of CronJobs. Counterpart: ValidateCronJobCreate and ValidateCronJobUpdate of
// pkg/apis/batch/validation.

import { parseCronSchedule } from '../cron-schedule.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import { timeZoneOf } from '../time-zone.js'
import type { CronJob, CronJobSpec } from '../types/batch.js'
import { invalidValue, notSupported, required } from './field-errors.js'
import { validateJobSpec } from './job.js'
import { validateObjectName } from './metadata.js'
import { dns1123Subdomain } from './names.js'
import { validateCounts } from './workload-parts.js'

/** A Job is called like its CronJob, and the minute it was due: eleven characters more. */
const nameCharactersMax = 52

const concurrencyPolicies = ['Allow', 'Forbid', 'Replace'] as const

export function validateCronJob(cronJob: CronJob, old: CronJob | null): FieldError[] {
  const { spec } = cronJob
  return [
    ...validateObjectName(cronJob, dns1123Subdomain),
    ...(old === null ? validateNameLength(cronJob) : []),
    ...validateSchedule(spec, old?.spec ?? null),
    ...validateCounts(spec, ['startingDeadlineSeconds'], 'spec'),
    ...(old !== null && old.spec.timeZone === spec.timeZone ? [] : validateTimeZone(spec)),
    ...validateConcurrency(spec),
    ...validateJobTemplate(spec),
    ...validateCounts(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], 'spec'),
  ]
}

function validateNameLength({ metadata }: CronJob): FieldError[] {
  const { name = '' } = metadata
  if (name.length <= nameCharactersMax) return []
  return [
    invalidValue('metadata.name', name, `must be no more than ${nameCharactersMax} characters`),
  ]
}

function validateSchedule(
  { schedule, timeZone }: CronJobSpec,
  old: CronJobSpec | null,
): FieldError[] {
  const field = 'spec.schedule'
  if (schedule === '') return [required(field)]
  const errors: FieldError[] = []
  const parsed = parseCronSchedule(schedule)
  if ('problem' in parsed) errors.push(invalidValue(field, schedule, parsed.problem))
  if (!schedule.includes('TZ')) return errors
  // A zone in the schedule is tolerated where one has been from before it was refused.
  if (old?.schedule.includes('TZ') !== true) {
    const text = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
    errors.push(invalidValue(field, schedule, text))
  } else if (timeZone !== undefined) {
    const text = 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    errors.push(invalidValue(field, schedule, text))
  }
  return errors
}

const zonePart = /^[A-Za-z.\-_0-9+]{1,14}$/

function validateTimeZone({ timeZone }: CronJobSpec): FieldError[] {
  const field = 'spec.timeZone'
  if (timeZone === undefined) return []
  if (timeZone === '') {
    return [invalidValue(field, timeZone, 'timeZone must be nil or non-empty string')]
  }
  const unknown = invalidValue(field, timeZone, `unknown time zone ${timeZone}`)
  const parts = timeZone.split('/')
  const wellFormed = parts.every(
    part => part !== '.' && part !== '..' && !part.startsWith('-') && zonePart.test(part),
  )
  if (!wellFormed) return [unknown]
  const errors: FieldError[] = []
  if (timeZone.toLowerCase() === 'local') {
    const text =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    errors.push(invalidValue(field, timeZone, text))
    if (timeZone === 'Local') return errors
  }
  if (timeZoneOf(timeZone) === null) errors.push(unknown)
  return errors
}

function validateConcurrency({ concurrencyPolicy = '' }: CronJobSpec): FieldError[] {
  const field = 'spec.concurrencyPolicy'
  if (concurrencyPolicy === '') return [required(field)]
  if (concurrencyPolicies.some(known => known === concurrencyPolicy)) return []
  return [notSupported(field, concurrencyPolicy, concurrencyPolicies)]
}

/** The Jobs to come get selectors of their own. */
function validateJobTemplate({ jobTemplate }: CronJobSpec): FieldError[] {
  const field = 'spec.jobTemplate.spec'
  const spec = jobTemplate.spec ?? { template: {} }
  const errors = validateJobSpec(spec, field)
  if (spec.selector !== undefined) {
    const shown = spec.selector as JsonObject
    errors.push(invalidValue(`${field}.selector`, shown, '`selector` will be auto-generated'))
  }
  if (spec.manualSelector === true) {
    errors.push(notSupported(`${field}.manualSelector`, true, ['nil', 'false']))
  }
  return errors
}
