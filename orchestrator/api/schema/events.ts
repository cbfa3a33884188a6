// Events as events.k8s.io/v1 shows them.
// Counterpart: events.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { eventSource } from './core-event.js'
import { objectReference } from './core-reference.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  int32,
  microTime,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const eventSeries: StructSchema = struct('io.k8s.api.events.v1.EventSeries', {
  count: always(1, int32, { required: true }),
  lastObservedTime: always(2, microTime, { required: true }),
})

export const event: StructSchema = struct('io.k8s.api.events.v1.Event', {
  ...typeMeta,
  metadata: always(1, objectMeta),
  eventTime: always(2, microTime, { required: true }),
  series: pointer(3, eventSeries),
  reportingController: field(4, string),
  reportingInstance: field(5, string),
  action: field(6, string),
  reason: field(7, string),
  regarding: field(8, objectReference),
  related: pointer(9, objectReference),
  note: field(10, string),
  type: field(11, string),
  deprecatedSource: field(12, eventSource),
  deprecatedFirstTimestamp: field(13, time),
  deprecatedLastTimestamp: field(14, time),
  deprecatedCount: field(15, int32),
})
