// ComponentStatuses: an old way to ask whether the control plane is well.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, keyed, string, struct, typeMeta } from '../schema.js'

export const componentCondition: StructSchema = struct('io.k8s.api.core.v1.ComponentCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  message: field(3, string),
  error: field(4, string),
})

export const componentStatus: StructSchema = struct(
  'io.k8s.api.core.v1.ComponentStatus',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    conditions: field(2, keyed(componentCondition, 'type'), { mergeKey: 'type' }),
  },
  { description: 'Whether a part of the control plane is well.' },
)
