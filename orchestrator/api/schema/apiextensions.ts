// CustomResourceDefinitions, which clients look for when they do not know a kind.
// Counterpart: apiextensions.k8s.io/v1. What stands in a definition is not described.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { field, raw, struct, typeMeta } from '../schema.js'

export const customResourceDefinition: StructSchema = struct(
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, raw),
    status: field(3, raw),
  },
  { description: 'A kind that a user adds to the API.' },
)
