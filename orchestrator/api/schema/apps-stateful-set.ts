// StatefulSets.
// Counterpart: apps/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { persistentVolumeClaim } from './core-persistent-volume.js'
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
  list,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const rollingUpdateStatefulSetStrategy: StructSchema = struct(
  'io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy',
  {
    partition: pointer(1, int32),
    maxUnavailable: pointer(2, intOrString),
  },
)

export const statefulSetUpdateStrategy: StructSchema = struct(
  'io.k8s.api.apps.v1.StatefulSetUpdateStrategy',
  {
    type: field(1, string, { enum: ['OnDelete', 'RollingUpdate'] }),
    rollingUpdate: pointer(2, rollingUpdateStatefulSetStrategy),
  },
)

export const statefulSetPersistentVolumeClaimRetentionPolicy: StructSchema = struct(
  'io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
  {
    whenDeleted: field(1, string),
    whenScaled: field(2, string),
  },
)

export const statefulSetOrdinals: StructSchema = struct('io.k8s.api.apps.v1.StatefulSetOrdinals', {
  start: always(1, int32),
})

export const statefulSetSpec: StructSchema = struct('io.k8s.api.apps.v1.StatefulSetSpec', {
  replicas: pointer(1, int32),
  selector: pointer(2, labelSelector, { required: true }),
  template: always(3, podTemplateSpec, { required: true }),
  volumeClaimTemplates: field(4, list(persistentVolumeClaim)),
  serviceName: always(5, string),
  podManagementPolicy: field(6, string, { enum: ['OrderedReady', 'Parallel'] }),
  updateStrategy: field(7, statefulSetUpdateStrategy),
  revisionHistoryLimit: pointer(8, int32),
  minReadySeconds: field(9, int32),
  persistentVolumeClaimRetentionPolicy: pointer(
    10,
    statefulSetPersistentVolumeClaimRetentionPolicy,
  ),
  ordinals: pointer(11, statefulSetOrdinals),
})

export const statefulSetCondition: StructSchema = struct(
  'io.k8s.api.apps.v1.StatefulSetCondition',
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastTransitionTime: field(3, time),
    reason: field(4, string),
    message: field(5, string),
  },
)

export const statefulSetStatus: StructSchema = struct('io.k8s.api.apps.v1.StatefulSetStatus', {
  observedGeneration: field(1, int64),
  replicas: always(2, int32, { required: true }),
  readyReplicas: field(3, int32),
  currentReplicas: field(4, int32),
  updatedReplicas: field(5, int32),
  currentRevision: field(6, string),
  updateRevision: field(7, string),
  collisionCount: pointer(9, int32),
  conditions: field(10, keyed(statefulSetCondition, 'type'), { mergeKey: 'type' }),
  availableReplicas: always(11, int32),
})

export const statefulSet: StructSchema = struct(
  'io.k8s.api.apps.v1.StatefulSet',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, statefulSetSpec),
    status: field(3, statefulSetStatus),
  },
  { description: 'Keeps pods that have names, addresses and disks of their own.' },
)
