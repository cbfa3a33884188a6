// What steers the scheduler: affinity, taints, tolerations and spreading.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, int32, int64, list, pointer, string, struct, time } from '../schema.js'

export const taint: StructSchema = struct('io.k8s.api.core.v1.Taint', {
  key: always(1, string, { required: true }),
  value: field(2, string),
  effect: always(3, string, {
    enum: ['NoExecute', 'NoSchedule', 'PreferNoSchedule'],
    required: true,
  }),
  timeAdded: pointer(4, time),
})

export const nodeSelectorRequirement: StructSchema = struct(
  'io.k8s.api.core.v1.NodeSelectorRequirement',
  {
    key: always(1, string, { required: true }),
    operator: always(2, string, {
      enum: ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn'],
      required: true,
    }),
    values: field(3, list(string)),
  },
)

export const nodeSelectorTerm: StructSchema = struct(
  'io.k8s.api.core.v1.NodeSelectorTerm',
  {
    matchExpressions: field(1, list(nodeSelectorRequirement)),
    matchFields: field(2, list(nodeSelectorRequirement)),
  },
  { atomic: true },
)

export const nodeSelector: StructSchema = struct(
  'io.k8s.api.core.v1.NodeSelector',
  {
    nodeSelectorTerms: always(1, list(nodeSelectorTerm), { required: true }),
  },
  { atomic: true },
)

export const preferredSchedulingTerm: StructSchema = struct(
  'io.k8s.api.core.v1.PreferredSchedulingTerm',
  {
    weight: always(1, int32, { required: true }),
    preference: always(2, nodeSelectorTerm, { required: true }),
  },
)

export const nodeAffinity: StructSchema = struct('io.k8s.api.core.v1.NodeAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: pointer(1, nodeSelector),
  preferredDuringSchedulingIgnoredDuringExecution: field(2, list(preferredSchedulingTerm)),
})

export const podAffinityTerm: StructSchema = struct('io.k8s.api.core.v1.PodAffinityTerm', {
  labelSelector: pointer(1, labelSelector),
  namespaces: field(2, list(string)),
  topologyKey: always(3, string, { required: true }),
  namespaceSelector: pointer(4, labelSelector),
  matchLabelKeys: field(5, list(string)),
  mismatchLabelKeys: field(6, list(string)),
})

export const weightedPodAffinityTerm: StructSchema = struct(
  'io.k8s.api.core.v1.WeightedPodAffinityTerm',
  {
    weight: always(1, int32, { required: true }),
    podAffinityTerm: always(2, podAffinityTerm, { required: true }),
  },
)

export const podAffinity: StructSchema = struct('io.k8s.api.core.v1.PodAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: field(1, list(podAffinityTerm)),
  preferredDuringSchedulingIgnoredDuringExecution: field(2, list(weightedPodAffinityTerm)),
})

export const podAntiAffinity: StructSchema = struct('io.k8s.api.core.v1.PodAntiAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: field(1, list(podAffinityTerm)),
  preferredDuringSchedulingIgnoredDuringExecution: field(2, list(weightedPodAffinityTerm)),
})

export const affinity: StructSchema = struct('io.k8s.api.core.v1.Affinity', {
  nodeAffinity: pointer(1, nodeAffinity),
  podAffinity: pointer(2, podAffinity),
  podAntiAffinity: pointer(3, podAntiAffinity),
})

export const toleration: StructSchema = struct('io.k8s.api.core.v1.Toleration', {
  key: field(1, string),
  operator: field(2, string, { enum: ['Equal', 'Exists'] }),
  value: field(3, string),
  effect: field(4, string, { enum: ['NoExecute', 'NoSchedule', 'PreferNoSchedule'] }),
  tolerationSeconds: pointer(5, int64),
})

export const topologySpreadConstraint: StructSchema = struct(
  'io.k8s.api.core.v1.TopologySpreadConstraint',
  {
    maxSkew: always(1, int32, { required: true }),
    topologyKey: always(2, string, { required: true }),
    whenUnsatisfiable: always(3, string, {
      enum: ['DoNotSchedule', 'ScheduleAnyway'],
      required: true,
    }),
    labelSelector: pointer(4, labelSelector),
    minDomains: pointer(5, int32),
    nodeAffinityPolicy: pointer(6, string, { enum: ['Honor', 'Ignore'] }),
    nodeTaintsPolicy: pointer(7, string, { enum: ['Honor', 'Ignore'] }),
    matchLabelKeys: field(8, list(string)),
  },
)
