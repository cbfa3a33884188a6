// Events as core/v1 shows them.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

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

export const eventSeries: StructSchema = struct('io.k8s.api.core.v1.EventSeries', {
  count: field(1, int32),
  lastObservedTime: field(2, microTime),
})

export const eventSource: StructSchema = struct('io.k8s.api.core.v1.EventSource', {
  component: field(1, string),
  host: field(2, string),
})

export const event: StructSchema = struct(
  'io.k8s.api.core.v1.Event',
  {
    ...typeMeta,
    metadata: always(1, objectMeta, { required: true }),
    involvedObject: always(2, objectReference, { required: true }),
    reason: field(3, string),
    message: field(4, string),
    source: field(5, eventSource),
    firstTimestamp: field(6, time),
    lastTimestamp: field(7, time),
    count: field(8, int32),
    type: field(9, string),
    eventTime: field(10, microTime),
    series: pointer(11, eventSeries),
    action: field(12, string),
    related: pointer(13, objectReference),
    reportingComponent: always(14, string),
    reportingInstance: always(15, string),
  },
  { description: 'Something that happened to an object, as a component reports it.' },
)
