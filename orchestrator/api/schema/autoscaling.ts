// Scale, the one shape behind every /scale.
// Counterpart: autoscaling/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, int32, string, struct, typeMeta } from '../schema.js'

export const scaleSpec: StructSchema = struct('io.k8s.api.autoscaling.v1.ScaleSpec', {
  replicas: field(1, int32),
})

export const scaleStatus: StructSchema = struct('io.k8s.api.autoscaling.v1.ScaleStatus', {
  replicas: always(1, int32, { required: true }),
  selector: field(2, string),
})

export const scale: StructSchema = struct(
  'io.k8s.api.autoscaling.v1.Scale',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, scaleSpec),
    status: field(3, scaleStatus),
  },
  { description: 'The size of a workload, wanted and actual.' },
)
