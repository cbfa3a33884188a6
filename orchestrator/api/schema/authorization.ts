// Questions what somebody may do, oneself or another.
// Counterpart: authorization.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { fieldSelectorRequirement, labelSelectorRequirement, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { always, bool, field, list, map, pointer, string, struct, typeMeta } from '../schema.js'

export const fieldSelectorAttributes: StructSchema = struct(
  'io.k8s.api.authorization.v1.FieldSelectorAttributes',
  { rawSelector: field(1, string), requirements: field(2, list(fieldSelectorRequirement)) },
)

export const labelSelectorAttributes: StructSchema = struct(
  'io.k8s.api.authorization.v1.LabelSelectorAttributes',
  { rawSelector: field(1, string), requirements: field(2, list(labelSelectorRequirement)) },
)

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
    fieldSelector: pointer(8, fieldSelectorAttributes),
    labelSelector: pointer(9, labelSelectorAttributes),
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

export const subjectAccessReviewStatus: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectAccessReviewStatus',
  {
    allowed: always(1, bool, { required: true }),
    reason: field(2, string),
    evaluationError: field(3, string),
    denied: field(4, bool),
  },
)

export const selfSubjectAccessReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, selfSubjectAccessReviewSpec, { required: true }),
    status: field(3, subjectAccessReviewStatus),
  },
  { description: 'May I do this?' },
)

export const subjectAccessReviewSpec: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectAccessReviewSpec',
  {
    ...attributes,
    user: field(3, string),
    groups: field(4, list(string)),
    extra: field(5, map(list(string))),
    uid: field(6, string),
  },
)

export const subjectAccessReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectAccessReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, subjectAccessReviewSpec, { required: true }),
    status: field(3, subjectAccessReviewStatus),
  },
  { description: 'May that user do this?' },
)

export const localSubjectAccessReview: StructSchema = struct(
  'io.k8s.api.authorization.v1.LocalSubjectAccessReview',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, subjectAccessReviewSpec, { required: true }),
    status: field(3, subjectAccessReviewStatus),
  },
  { description: 'May that user do this in one namespace?' },
)

export const resourceRule: StructSchema = struct('io.k8s.api.authorization.v1.ResourceRule', {
  verbs: always(1, list(string), { required: true }),
  apiGroups: field(2, list(string)),
  resources: field(3, list(string)),
  resourceNames: field(4, list(string)),
})

export const nonResourceRule: StructSchema = struct('io.k8s.api.authorization.v1.NonResourceRule', {
  verbs: always(1, list(string), { required: true }),
  nonResourceURLs: field(2, list(string)),
})

export const subjectRulesReviewStatus: StructSchema = struct(
  'io.k8s.api.authorization.v1.SubjectRulesReviewStatus',
  {
    resourceRules: always(1, list(resourceRule), { required: true }),
    nonResourceRules: always(2, list(nonResourceRule), { required: true }),
    incomplete: always(3, bool, { required: true }),
    evaluationError: field(4, string),
  },
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
    status: field(3, subjectRulesReviewStatus),
  },
  { description: 'What may I do in a namespace?' },
)
