// DaemonSets, and the ControllerRevisions in which they and StatefulSets keep their history.
// Counterpart: apps/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { podTemplateSpec } from './core-pod.js'
import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  int32,
  int64,
  intOrString,
  keyed,
  pointer,
  raw,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const rollingUpdateDaemonSet: StructSchema = struct(
  'io.k8s.api.apps.v1.RollingUpdateDaemonSet',
  {
    maxUnavailable: pointer(1, intOrString),
    maxSurge: pointer(2, intOrString),
  },
)

export const daemonSetUpdateStrategy: StructSchema = struct(
  'io.k8s.api.apps.v1.DaemonSetUpdateStrategy',
  {
    type: field(1, string, { enum: ['OnDelete', 'RollingUpdate'] }),
    rollingUpdate: pointer(2, rollingUpdateDaemonSet),
  },
)

export const daemonSetSpec: StructSchema = struct('io.k8s.api.apps.v1.DaemonSetSpec', {
  selector: pointer(1, labelSelector, { required: true }),
  template: always(2, podTemplateSpec, { required: true }),
  updateStrategy: field(3, daemonSetUpdateStrategy),
  minReadySeconds: field(4, int32),
  revisionHistoryLimit: pointer(6, int32),
})

export const daemonSetCondition: StructSchema = struct('io.k8s.api.apps.v1.DaemonSetCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastTransitionTime: field(3, time),
  reason: field(4, string),
  message: field(5, string),
})

export const daemonSetStatus: StructSchema = struct('io.k8s.api.apps.v1.DaemonSetStatus', {
  currentNumberScheduled: always(1, int32, { required: true }),
  numberMisscheduled: always(2, int32, { required: true }),
  desiredNumberScheduled: always(3, int32, { required: true }),
  numberReady: always(4, int32, { required: true }),
  observedGeneration: field(5, int64),
  updatedNumberScheduled: field(6, int32),
  numberAvailable: field(7, int32),
  numberUnavailable: field(8, int32),
  collisionCount: pointer(9, int32),
  conditions: field(10, keyed(daemonSetCondition, 'type'), { mergeKey: 'type' }),
})

export const daemonSet: StructSchema = struct(
  'io.k8s.api.apps.v1.DaemonSet',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, daemonSetSpec),
    status: field(3, daemonSetStatus),
  },
  { description: 'Keeps one pod on every node that fits.' },
)

export const controllerRevision: StructSchema = struct(
  'io.k8s.api.apps.v1.ControllerRevision',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    data: always(2, raw),
    revision: always(3, int64, { required: true }),
  },
  { description: 'What a template once was, to roll back to.' },
)
