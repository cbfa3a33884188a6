// ResourceQuotas and LimitRanges.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, list, map, pointer, quantity, string, struct, typeMeta } from '../schema.js'

export const scopedResourceSelectorRequirement: StructSchema = struct(
  'io.k8s.api.core.v1.ScopedResourceSelectorRequirement',
  {
    scopeName: always(1, string, { required: true }),
    operator: always(2, string, {
      enum: ['DoesNotExist', 'Exists', 'In', 'NotIn'],
      required: true,
    }),
    values: field(3, list(string)),
  },
)

export const scopeSelector: StructSchema = struct(
  'io.k8s.api.core.v1.ScopeSelector',
  {
    matchExpressions: field(1, list(scopedResourceSelectorRequirement)),
  },
  { atomic: true },
)

export const resourceQuotaSpec: StructSchema = struct('io.k8s.api.core.v1.ResourceQuotaSpec', {
  hard: field(1, map(quantity)),
  scopes: field(2, list(string)),
  scopeSelector: pointer(3, scopeSelector),
})

export const resourceQuotaStatus: StructSchema = struct('io.k8s.api.core.v1.ResourceQuotaStatus', {
  hard: field(1, map(quantity)),
  used: field(2, map(quantity)),
})

export const resourceQuota: StructSchema = struct(
  'io.k8s.api.core.v1.ResourceQuota',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, resourceQuotaSpec),
    status: field(3, resourceQuotaStatus),
  },
  { description: 'How much a namespace may use in all.' },
)

export const limitRangeItem: StructSchema = struct('io.k8s.api.core.v1.LimitRangeItem', {
  type: always(1, string, { required: true }),
  max: field(2, map(quantity)),
  min: field(3, map(quantity)),
  default: field(4, map(quantity)),
  defaultRequest: field(5, map(quantity)),
  maxLimitRequestRatio: field(6, map(quantity)),
})

export const limitRangeSpec: StructSchema = struct('io.k8s.api.core.v1.LimitRangeSpec', {
  limits: always(1, list(limitRangeItem), { required: true }),
})

export const limitRange: StructSchema = struct(
  'io.k8s.api.core.v1.LimitRange',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, limitRangeSpec),
  },
  { description: 'How much one thing in a namespace may use, and does if it does not say.' },
)
