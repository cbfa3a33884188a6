// Eviction, what drain posts to pods/eviction.
// Counterpart: policy/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { deleteOptions, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { field, pointer, struct, typeMeta } from '../schema.js'

export const eviction: StructSchema = struct(
  'io.k8s.api.policy.v1.Eviction',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    deleteOptions: pointer(2, deleteOptions),
  },
  { description: 'A wish to delete a pod that disruption budgets may refuse.' },
)
