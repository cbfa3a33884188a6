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
    maxUnavailable: pointer(1, intOrString, {
      description: 'How many pods may be missing, as a number or percentage.',
    }),
    maxSurge: pointer(2, intOrString, {
      description: 'How many pods there may be beyond those wanted, as a number or percentage.',
    }),
  },
)

export const deploymentStrategy: StructSchema = struct(
  'io.k8s.api.apps.v1.DeploymentStrategy',
  {
    type: field(1, string, {
      enum: ['Recreate', 'RollingUpdate'],
      description: 'RollingUpdate or Recreate.',
    }),
    rollingUpdate: pointer(2, rollingUpdateDeployment, {
      description: 'How far a rolling update may go at a time.',
    }),
  },
  { description: 'How pods of the old template give way to new ones.' },
)

export const deploymentSpec: StructSchema = struct(
  'io.k8s.api.apps.v1.DeploymentSpec',
  {
    replicas: pointer(1, int32, { description: 'How many pods are wanted.' }),
    selector: pointer(2, labelSelector, {
      required: true,
      description: 'Which pods are its own; it never changes.',
    }),
    template: always(3, podTemplateSpec, {
      required: true,
      description: 'What the pods look like.',
    }),
    strategy: field(4, deploymentStrategy, {
      retainKeys: true,
      description: 'How new pods replace old ones.',
    }),
    minReadySeconds: field(5, int32, {
      description: 'How long a pod must be ready before it counts as available.',
    }),
    revisionHistoryLimit: pointer(6, int32, {
      description: 'How many old revisions are kept to roll back to.',
    }),
    paused: field(7, bool, { description: 'Changes of the template wait.' }),
    progressDeadlineSeconds: pointer(9, int32, {
      description: 'After so long without progress the rollout counts as failed.',
    }),
  },
  { description: 'What a deployment is to do.' },
)

export const deploymentCondition: StructSchema = struct('io.k8s.api.apps.v1.DeploymentCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  reason: field(4, string),
  message: field(5, string),
  lastUpdateTime: field(6, time),
  lastTransitionTime: field(7, time),
})

export const deploymentStatus: StructSchema = struct(
  'io.k8s.api.apps.v1.DeploymentStatus',
  {
    observedGeneration: field(1, int64),
    replicas: field(2, int32),
    updatedReplicas: field(3, int32),
    availableReplicas: field(4, int32),
    unavailableReplicas: field(5, int32),
    conditions: field(6, keyed(deploymentCondition, 'type'), { mergeKey: 'type' }),
    readyReplicas: field(7, int32),
    collisionCount: pointer(8, int32),
    terminatingReplicas: pointer(9, int32),
  },
  { description: 'How far a deployment has come.' },
)

export const deployment: StructSchema = struct(
  'io.k8s.api.apps.v1.Deployment',
  {
    ...typeMeta,
    metadata: field(1, objectMeta, { description: 'Identity, labels and owners.' }),
    spec: field(2, deploymentSpec, { description: 'What the deployment is to do.' }),
    status: field(3, deploymentStatus, {
      description: 'How far it has come; written by the system.',
    }),
  },
  {
    description:
      'Keeps a number of equal pods running, and replaces them step by step when their template changes.',
  },
)

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

export const replicaSet: StructSchema = struct(
  'io.k8s.api.apps.v1.ReplicaSet',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, replicaSetSpec),
    status: field(3, replicaSetStatus),
  },
  { description: 'Keeps a number of equal pods running.' },
)
