// Deployments and ReplicaSets.
// Counterpart: apps/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { podTemplateSpec } from './core-pod.js'
import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  int64,
  intOrString,
  keyed,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const rollingUpdateDeployment: StructSchema = struct(
  'io.k8s.api.apps.v1.RollingUpdateDeployment',
  {
    maxUnavailable: pointer(1, intOrString),
    maxSurge: pointer(2, intOrString),
  },
)

export const deploymentStrategy: StructSchema = struct('io.k8s.api.apps.v1.DeploymentStrategy', {
  type: field(1, string),
  rollingUpdate: pointer(2, rollingUpdateDeployment),
})

export const deploymentSpec: StructSchema = struct('io.k8s.api.apps.v1.DeploymentSpec', {
  replicas: pointer(1, int32),
  selector: pointer(2, labelSelector, { required: true }),
  template: always(3, podTemplateSpec, { required: true }),
  strategy: field(4, deploymentStrategy, { retainKeys: true }),
  minReadySeconds: field(5, int32),
  revisionHistoryLimit: pointer(6, int32),
  paused: field(7, bool),
  progressDeadlineSeconds: pointer(9, int32),
})

export const deploymentCondition: StructSchema = struct('io.k8s.api.apps.v1.DeploymentCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  reason: field(4, string),
  message: field(5, string),
  lastUpdateTime: field(6, time),
  lastTransitionTime: field(7, time),
})

export const deploymentStatus: StructSchema = struct('io.k8s.api.apps.v1.DeploymentStatus', {
  observedGeneration: field(1, int64),
  replicas: field(2, int32),
  updatedReplicas: field(3, int32),
  availableReplicas: field(4, int32),
  unavailableReplicas: field(5, int32),
  conditions: field(6, keyed(deploymentCondition, 'type'), { mergeKey: 'type' }),
  readyReplicas: field(7, int32),
  collisionCount: pointer(8, int32),
  terminatingReplicas: pointer(9, int32),
})

export const deployment: StructSchema = struct('io.k8s.api.apps.v1.Deployment', {
  ...typeMeta,
  metadata: field(1, objectMeta),
  spec: field(2, deploymentSpec),
  status: field(3, deploymentStatus),
})

export const replicaSetSpec: StructSchema = struct('io.k8s.api.apps.v1.ReplicaSetSpec', {
  replicas: pointer(1, int32),
  selector: pointer(2, labelSelector, { required: true }),
  template: field(3, podTemplateSpec),
  minReadySeconds: field(4, int32),
})

export const replicaSetCondition: StructSchema = struct('io.k8s.api.apps.v1.ReplicaSetCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastTransitionTime: field(3, time),
  reason: field(4, string),
  message: field(5, string),
})

export const replicaSetStatus: StructSchema = struct('io.k8s.api.apps.v1.ReplicaSetStatus', {
  replicas: always(1, int32, { required: true }),
  fullyLabeledReplicas: field(2, int32),
  observedGeneration: field(3, int64),
  readyReplicas: field(4, int32),
  availableReplicas: field(5, int32),
  conditions: field(6, keyed(replicaSetCondition, 'type'), { mergeKey: 'type' }),
  terminatingReplicas: pointer(7, int32),
})

export const replicaSet: StructSchema = struct('io.k8s.api.apps.v1.ReplicaSet', {
  ...typeMeta,
  metadata: field(1, objectMeta),
  spec: field(2, replicaSetSpec),
  status: field(3, replicaSetStatus),
})
