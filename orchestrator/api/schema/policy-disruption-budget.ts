// PodDisruptionBudgets.
// Counterpart: policy/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { condition, labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  field,
  int32,
  int64,
  intOrString,
  keyed,
  map,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const podDisruptionBudgetSpec: StructSchema = struct(
  'io.k8s.api.policy.v1.PodDisruptionBudgetSpec',
  {
    minAvailable: pointer(1, intOrString),
    selector: pointer(2, labelSelector),
    maxUnavailable: pointer(3, intOrString),
    unhealthyPodEvictionPolicy: pointer(4, string, { enum: ['AlwaysAllow', 'IfHealthyBudget'] }),
  },
)

export const podDisruptionBudgetStatus: StructSchema = struct(
  'io.k8s.api.policy.v1.PodDisruptionBudgetStatus',
  {
    observedGeneration: field(1, int64),
    disruptedPods: field(2, map(time)),
    disruptionsAllowed: always(3, int32),
    currentHealthy: always(4, int32),
    desiredHealthy: always(5, int32),
    expectedPods: always(6, int32),
    conditions: field(7, keyed(condition, 'type'), { mergeKey: 'type' }),
  },
)

export const podDisruptionBudget: StructSchema = struct(
  'io.k8s.api.policy.v1.PodDisruptionBudget',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, podDisruptionBudgetSpec),
    status: field(3, podDisruptionBudgetStatus),
  },
  { description: 'How many of some pods may be taken away at a time.' },
)
