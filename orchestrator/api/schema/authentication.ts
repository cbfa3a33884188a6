// Tokens for service accounts, and the questions who somebody is.
// Counterpart: authentication.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int64,
  list,
  map,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

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

export const tokenRequestStatus: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenRequestStatus',
  {
    token: always(1, string, { required: true }),
    expirationTimestamp: always(2, time, { required: true }),
  },
)

export const tokenRequest: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenRequest',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, tokenRequestSpec, { required: true }),
    status: field(3, tokenRequestStatus),
  },
  { description: 'A request for a token of a service account.' },
)

export const userInfo: StructSchema = struct('io.k8s.api.authentication.v1.UserInfo', {
  username: field(1, string),
  uid: field(2, string),
  groups: field(3, list(string)),
  extra: field(4, map(list(string))),
})

export const selfSubjectReviewStatus: StructSchema = struct(
  'io.k8s.api.authentication.v1.SelfSubjectReviewStatus',
  { userInfo: field(1, userInfo) },
)

export const selfSubjectReview: StructSchema = struct(
  'io.k8s.api.authentication.v1.SelfSubjectReview',
  { ...typeMeta, metadata: field(1, objectMeta), status: field(2, selfSubjectReviewStatus) },
  { description: 'Whom the server takes the caller for.' },
)

export const tokenReviewSpec: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenReviewSpec',
  { token: field(1, string, { required: true }), audiences: field(2, list(string)) },
)

export const tokenReviewStatus: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenReviewStatus',
  {
    authenticated: field(1, bool),
    user: field(2, userInfo),
    error: field(3, string),
    audiences: field(4, list(string)),
  },
)

export const tokenReview: StructSchema = struct(
  'io.k8s.api.authentication.v1.TokenReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, tokenReviewSpec, { required: true }),
    status: field(3, tokenReviewStatus),
  },
  { description: 'Whose token is this?' },
)
