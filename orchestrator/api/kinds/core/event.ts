// Events of core/v1: what happened to an object, and how often. They are kept for an hour.
// Counterpart: pkg/registry/core/event and printEvent.

import { ageOf } from '../../duration.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { event as schema } from '../../schema/core-event.js'
import type { Event } from '../../types/core-event.js'
import { validateEvent } from '../../validation/event.js'
import { nameColumn, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function firstSeen(event: Event): string | undefined {
  return event.firstTimestamp ?? event.eventTime
}

function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event)
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || (reportingComponent ?? '')
  const host = source?.host || (reportingInstance ?? '')
  return host === '' ? component : `${component}, ${host}`
}

function objectText({ involvedObject }: Event): string {
  const kind = (involvedObject.kind ?? '').toLowerCase()
  const name = involvedObject.name ?? ''
  return name === '' ? kind : `${kind}/${name}`
}

function countText(event: Event): string {
  if (event.series !== undefined) return String(event.series.count ?? 0)
  // A new-style event without a series happened once.
  return String(event.count ?? (event.eventTime === undefined ? 0 : 1))
}

function selector(read: (event: Event) => string | undefined): (object: KubeObject) => string {
  return object => read(object as Event) ?? ''
}

export const event: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  schema,
  columns: [
    text<Event>('Last Seen', 'When it happened last.', (e, nowMs) => ageOf(lastSeen(e), nowMs)),
    text<Event>('Type', 'Normal or Warning.', e => e.type ?? ''),
    text<Event>('Reason', 'Why it happened, in one word.', e => e.reason ?? ''),
    text<Event>('Object', 'What it happened to.', objectText),
    wide<Event>('Subobject', 'Which part of it.', e => e.involvedObject.fieldPath ?? ''),
    wide<Event>('Source', 'Who reports it.', sourceText),
    text<Event>('Message', 'What happened, in words.', e => (e.message ?? '').trim()),
    wide<Event>('First Seen', 'When it happened first.', (e, nowMs) => ageOf(firstSeen(e), nowMs)),
    wide<Event>('Count', 'How often it happened.', countText),
    { ...nameColumn, priority: 1 },
  ],
  fieldSelectors: {
    'involvedObject.kind': selector(e => e.involvedObject.kind),
    'involvedObject.namespace': selector(e => e.involvedObject.namespace),
    'involvedObject.name': selector(e => e.involvedObject.name),
    'involvedObject.uid': selector(e => e.involvedObject.uid),
    'involvedObject.apiVersion': selector(e => e.involvedObject.apiVersion),
    'involvedObject.resourceVersion': selector(e => e.involvedObject.resourceVersion),
    'involvedObject.fieldPath': selector(e => e.involvedObject.fieldPath),
    reason: selector(e => e.reason),
    reportingComponent: selector(e => e.reportingComponent),
    source: selector(e => e.source?.component || e.reportingComponent),
    type: selector(e => e.type),
  },
  validate: object => validateEvent(object as Event),
}
