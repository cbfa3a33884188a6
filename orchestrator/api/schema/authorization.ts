// Questions what somebody may do, oneself or another.
// Counterpart: authorization.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, field, list, pointer, string, struct, typeMeta } from '../schema.js'

export const resourceAttributes: StructSchema = struct(
  'io.k8s.api.authorization.v1.ResourceAttributes',
  {
    namespace: field(1, string),
    verb: field(2, string),
    group: field(3, string),
    version: field(4, string),
    resource: field(5, string),
    subresource: field(6, string),
    name: field(7, string),
  },
)

export const nonResourceAttributes: StructSchema = struct(
  'io.k8s.api.authorization.v1.NonResourceAttributes',
  { path: field(1, string), verb: field(2, string) },
)

const attributes = {
  resourceAttributes: pointer(1, resourceAttributes),
  nonResourceAttributes: pointer(2, nonResourceAttributes),
}

export const selfSubjectAccessReviewSpec: StructSchema = struct(
  'io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec',
  attributes,
)

export const selfSubjectAccessReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, selfSubjectAccessReviewSpec, { required: true }),
  },
  { description: 'May I do this?' },
)

export const subjectAccessReviewSpec: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectAccessReviewSpec',
  {
    ...attributes,
    user: field(3, string),
    groups: field(4, list(string)),
    uid: field(6, string),
  },
)

export const subjectAccessReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectAccessReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, subjectAccessReviewSpec, { required: true }),
  },
  { description: 'May that user do this?' },
)

export const selfSubjectRulesReviewSpec: StructSchema = struct(
  'io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec',
  { namespace: field(1, string) },
)

export const selfSubjectRulesReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, selfSubjectRulesReviewSpec, { required: true }),
  },
  { description: 'What may I do in a namespace?' },
)
