// Events as newer reporters write them. They are kept, and seen, as core/v1 Events too.
// Counterpart: events.k8s.io/v1 in pkg/registry/core/event and pkg/registry/events.

import { eventFromCore, eventToCore } from '../../conversion/event.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { event as schema } from '../../schema/events.js'
import type { Event } from '../../types/events.js'
import { validateNewEvent } from '../../validation/event.js'
import { event as coreEvent } from '../core/event.js'

/** Where core/v1 selects by involvedObject, this version does by regarding; it knows no source. */
const fieldSelectors = Object.entries(coreEvent.fieldSelectors)
  .filter(([field]) => field !== 'source')
  .map(([field, read]) => [
    field.replace('involvedObject.', 'regarding.').replace(/Component$/, 'Controller'),
    (object: KubeObject) => read(eventToCore(object)),
  ])

export const newEvent: Kind = {
  ...coreEvent,
  group: 'events.k8s.io',
  schema,
  columns: coreEvent.columns.map(column => ({
    ...column,
    cell: (object: KubeObject, nowMs: number) => column.cell(eventToCore(object), nowMs),
  })),
  fieldSelectors: Object.fromEntries(fieldSelectors) as Kind['fieldSelectors'],
  validate: (object, old) => validateNewEvent(object as Event, old as Event | null),
  storedAs: { kind: coreEvent, toStored: eventToCore, fromStored: eventFromCore },
}
