// PriorityClasses.
// Counterpart: scheduling/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, bool, field, int32, pointer, string, struct, typeMeta } from '../schema.js'

export const priorityClass: StructSchema = struct(
  'io.k8s.api.scheduling.v1.PriorityClass',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    value: always(2, int32),
    globalDefault: field(3, bool),
    description: field(4, string),
    preemptionPolicy: pointer(5, string, { enum: ['Never', 'PreemptLowerPriority'] }),
  },
  { description: 'A name for how important pods are.' },
)
