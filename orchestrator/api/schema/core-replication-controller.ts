// ReplicationControllers and PodTemplates.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { podTemplateSpec } from './core-pod.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  atomicMap,
  field,
  int32,
  int64,
  keyed,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const podTemplate: StructSchema = struct(
  'io.k8s.api.core.v1.PodTemplate',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    template: field(2, podTemplateSpec),
  },
  { description: 'What pods look like that somebody makes.' },
)

export const replicationControllerSpec: StructSchema = struct(
  'io.k8s.api.core.v1.ReplicationControllerSpec',
  {
    replicas: pointer(1, int32),
    selector: field(2, atomicMap(string)),
    template: pointer(3, podTemplateSpec),
    minReadySeconds: field(4, int32),
  },
)

export const replicationControllerCondition: StructSchema = struct(
  'io.k8s.api.core.v1.ReplicationControllerCondition',
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const replicationControllerStatus: StructSchema = struct(
  'io.k8s.api.core.v1.ReplicationControllerStatus',
  {
    replicas: always(1, int32, { required: true }),
    fullyLabeledReplicas: field(2, int32),
    observedGeneration: field(3, int64),
    readyReplicas: field(4, int32),
    availableReplicas: field(5, int32),
    conditions: field(6, keyed(replicationControllerCondition, 'type'), { mergeKey: 'type' }),
  },
)

export const replicationController: StructSchema = struct(
  'io.k8s.api.core.v1.ReplicationController',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, replicationControllerSpec),
    status: field(3, replicationControllerStatus),
  },
  { description: 'Keeps a number of equal pods running; ReplicaSets came after it.' },
)
