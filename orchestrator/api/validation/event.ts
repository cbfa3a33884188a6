// Checks of Events. Those that say when they happened are of the newer sort and must say more; the
// newer version of the API asks for still more. Counterpart: pkg/apis/core/validation/events.go.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import type { Event } from '../types/core-event.js'
import type { Event as NewEvent } from '../types/events.js'
import { invalidFor, invalidValue, required } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Subdomain, qualifiedName } from './names.js'

const noteCharactersMax = 1024
const wordCharactersMax = 128

/** An event lies in the namespace of what it is about, or in `default` when that has none. */
export function validateEvent(event: Event): FieldError[] {
  const errors = validateObjectName(event, dns1123Subdomain)
  const about = event.involvedObject.namespace ?? ''
  const namespace = event.metadata.namespace ?? ''
  const dated = event.eventTime !== undefined
  const homes = dated ? ['default', 'kube-system'] : ['default']
  const misplaced = about === '' ? !homes.includes(namespace) : !dated && about !== namespace
  if (misplaced) {
    errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'))
  }
  return dated ? [...errors, ...validateReporting(event)] : errors
}

function validateReporting(event: Event): FieldError[] {
  const { reportingComponent = '', reportingInstance = '', message = '' } = event
  const errors: FieldError[] = []
  if (reportingComponent === '') errors.push(required('reportingController'))
  errors.push(
    ...invalidFor('reportingController', reportingComponent, qualifiedName(reportingComponent)),
    ...validateWord(reportingInstance, 'reportingInstance'),
    ...validateWord(event.action ?? '', 'action'),
    ...validateWord(event.reason ?? '', 'reason'),
    ...atMost(message, noteCharactersMax, 'message'),
  )
  return errors
}

function validateWord(value: string, field: string): FieldError[] {
  return value === '' ? [required(field)] : atMost(value, wordCharactersMax, field)
}

function atMost(value: string, charactersMax: number, field: string): FieldError[] {
  if (value.length <= charactersMax) return []
  return [invalidValue(field, '', `can have at most ${charactersMax} characters`)]
}

/** What events.k8s.io/v1 asks beyond that. Fields are named as core/v1 does, as in the original. */
export function validateNewEvent(event: NewEvent, old: NewEvent | null): FieldError[] {
  if (old !== null) return validateUpdate(event, old)
  const errors = validateSeries(event)
  if ((event.eventTime ?? null) === null) errors.push(required('eventTime'))
  const { type = '', deprecatedSource: source } = event
  if (type !== 'Normal' && type !== 'Warning') {
    errors.push(invalidValue('type', '', `has invalid value: ${type}`))
  }
  const unset = {
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    source: source?.component || source?.host,
  }
  for (const [field, value] of Object.entries(unset)) {
    if (value) errors.push(invalidValue(field, '', 'needs to be unset'))
  }
  return errors
}

function validateSeries({ series }: NewEvent): FieldError[] {
  if (series === undefined) return []
  const errors: FieldError[] = []
  if (series.count < 2) errors.push(invalidValue('series.count', '', 'should be at least 2'))
  if ((series.lastObservedTime ?? null) === null) errors.push(required('series.lastObservedTime'))
  return errors
}

/** Field in this version, and as the original names it. */
const sealed: readonly (readonly [Exclude<keyof NewEvent, 'metadata'>, string])[] = [
  ['regarding', 'involvedObject'],
  ['reason', 'reason'],
  ['note', 'message'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingController', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
]

/** Only its series goes on. */
function validateUpdate(event: NewEvent, old: NewEvent): FieldError[] {
  const errors = sameJson(event.series, old.series) ? [] : validateSeries(event)
  for (const [field, name] of sealed) {
    if (!sameJson(event[field], old[field])) {
      errors.push(invalidValue(name, (event[field] ?? null) as Json, immutableText))
    }
  }
  return errors
}
