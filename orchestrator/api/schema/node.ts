// RuntimeClasses.
// Counterpart: node/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { toleration } from './core-scheduling.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  atomicMap,
  field,
  list,
  map,
  pointer,
  quantity,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const overhead: StructSchema = struct('io.k8s.api.node.v1.Overhead', {
  podFixed: field(1, map(quantity)),
})

export const scheduling: StructSchema = struct('io.k8s.api.node.v1.Scheduling', {
  nodeSelector: field(1, atomicMap(string)),
  tolerations: field(2, list(toleration)),
})

export const runtimeClass: StructSchema = struct(
  'io.k8s.api.node.v1.RuntimeClass',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    handler: always(2, string, { required: true }),
    overhead: pointer(3, overhead),
    scheduling: pointer(4, scheduling),
  },
  { description: 'A way to run containers, and which nodes have it.' },
)
