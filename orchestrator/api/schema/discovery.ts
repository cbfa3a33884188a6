// EndpointSlices.
// Counterpart: discovery.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectReference } from './core-reference.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  list,
  map,
  pointer,
  set,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const endpointConditions: StructSchema = struct(
  'io.k8s.api.discovery.v1.EndpointConditions',
  {
    ready: pointer(1, bool),
    serving: pointer(2, bool),
    terminating: pointer(3, bool),
  },
)

export const forNode: StructSchema = struct('io.k8s.api.discovery.v1.ForNode', {
  name: always(1, string, { required: true }),
})

export const forZone: StructSchema = struct('io.k8s.api.discovery.v1.ForZone', {
  name: always(1, string, { required: true }),
})

export const endpointHints: StructSchema = struct('io.k8s.api.discovery.v1.EndpointHints', {
  forZones: field(1, list(forZone)),
  forNodes: field(2, list(forNode)),
})

export const endpoint: StructSchema = struct('io.k8s.api.discovery.v1.Endpoint', {
  addresses: always(1, set(string), { required: true }),
  conditions: field(2, endpointConditions),
  hostname: pointer(3, string),
  targetRef: pointer(4, objectReference),
  deprecatedTopology: field(5, map(string)),
  nodeName: pointer(6, string),
  zone: pointer(7, string),
  hints: pointer(8, endpointHints),
})

export const sliceEndpointPort: StructSchema = struct(
  'io.k8s.api.discovery.v1.EndpointPort',
  {
    name: pointer(1, string),
    protocol: pointer(2, string),
    port: pointer(3, int32),
    appProtocol: pointer(4, string),
  },
  { atomic: true },
)

export const endpointSlice: StructSchema = struct(
  'io.k8s.api.discovery.v1.EndpointSlice',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    endpoints: always(2, list(endpoint)),
    ports: always(3, list(sliceEndpointPort)),
    addressType: always(4, string, { enum: ['FQDN', 'IPv4', 'IPv6'], required: true }),
  },
  { description: 'A part of the addresses behind a Service.' },
)
