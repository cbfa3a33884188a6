// Tokens for service accounts, and the question who one is.
// Counterpart: authentication.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, int64, list, pointer, string, struct, typeMeta } from '../schema.js'

export const boundObjectReference: StructSchema = struct(
  'io.k8s.api.authentication.v1.BoundObjectReference',
  {
    kind: field(1, string),
    apiVersion: field(2, string),
    name: field(3, string),
    uid: field(4, string),
  },
)

export const tokenRequestSpec: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenRequestSpec',
  {
    audiences: always(1, list(string), { required: true }),
    boundObjectRef: pointer(3, boundObjectReference),
    expirationSeconds: pointer(4, int64),
  },
)

export const tokenRequest: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenRequest',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, tokenRequestSpec, { required: true }),
  },
  { description: 'A request for a token of a service account.' },
)

export const selfSubjectReview: StructSchema = struct(
  'io.k8s.api.authentication.v1.SelfSubjectReview',
  { ...typeMeta, metadata: field(1, objectMeta) },
  { description: 'Whom the server takes the caller for.' },
)
