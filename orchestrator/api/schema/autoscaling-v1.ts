// HorizontalPodAutoscalers as the first version has them: by processor time alone.
// Counterpart: autoscaling/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, int32, int64, pointer, string, struct, time, typeMeta } from '../schema.js'

export const crossVersionObjectReference: StructSchema = struct(
  'io.k8s.api.autoscaling.v1.CrossVersionObjectReference',
  {
    kind: always(1, string, { required: true }),
    name: always(2, string, { required: true }),
    apiVersion: field(3, string),
  },
  { atomic: true },
)

export const horizontalPodAutoscalerSpec: StructSchema = struct(
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec',
  {
    scaleTargetRef: always(1, crossVersionObjectReference, { required: true }),
    minReplicas: pointer(2, int32),
    maxReplicas: always(3, int32, { required: true }),
    targetCPUUtilizationPercentage: pointer(4, int32),
  },
)

export const horizontalPodAutoscalerStatus: StructSchema = struct(
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus',
  {
    observedGeneration: pointer(1, int64),
    lastScaleTime: pointer(2, time),
    currentReplicas: always(3, int32, { required: true }),
    desiredReplicas: always(4, int32, { required: true }),
    currentCPUUtilizationPercentage: pointer(5, int32),
  },
)

export const horizontalPodAutoscaler: StructSchema = struct(
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, horizontalPodAutoscalerSpec, { required: true }),
    status: field(3, horizontalPodAutoscalerStatus),
  },
  { description: 'Sizes a workload by how busy it is.' },
)
