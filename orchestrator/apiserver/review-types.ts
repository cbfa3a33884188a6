// Bodies that are answered and never stored: access reviews, reviews of oneself, token requests.
// Field numbers are those of k8s.io/api/authentication/v1 and authorization/v1.

import { always, field, int64, list, pointer, string, struct, typeMeta } from '../api/schema.js'
import type { StructSchema } from '../api/schema.js'
import { objectMeta } from '../api/schema/meta.js'
import type { WireType } from '../api/wire-types.js'

const authentication = 'io.k8s.api.authentication.v1'
const authorization = 'io.k8s.api.authorization.v1'

const resourceAttributes = struct(`${authorization}.ResourceAttributes`, {
  namespace: field(1, string),
  verb: field(2, string),
  group: field(3, string),
  version: field(4, string),
  resource: field(5, string),
  subresource: field(6, string),
  name: field(7, string),
})

const nonResourceAttributes = struct(`${authorization}.NonResourceAttributes`, {
  path: field(1, string),
  verb: field(2, string),
})

const attributes = {
  resourceAttributes: pointer(1, resourceAttributes),
  nonResourceAttributes: pointer(2, nonResourceAttributes),
}

const boundObjectReference = struct(`${authentication}.BoundObjectReference`, {
  kind: field(1, string),
  apiVersion: field(2, string),
  name: field(3, string),
  uid: field(4, string),
})

function review(group: string, kind: string, spec: StructSchema): WireType {
  const schema = struct(`${group}.${kind}`, {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, spec),
  })
  return {
    group: group === authentication ? 'authentication.k8s.io' : 'authorization.k8s.io',
    version: 'v1',
    kind,
    schema,
  }
}

export const selfSubjectAccessReviewType = review(
  authorization,
  'SelfSubjectAccessReview',
  struct(`${authorization}.SelfSubjectAccessReviewSpec`, attributes),
)

export const subjectAccessReviewType = review(
  authorization,
  'SubjectAccessReview',
  struct(`${authorization}.SubjectAccessReviewSpec`, {
    ...attributes,
    user: field(3, string),
    groups: field(4, list(string)),
    uid: field(6, string),
  }),
)

export const selfSubjectReviewType = review(
  authentication,
  'SelfSubjectReview',
  struct(`${authentication}.SelfSubjectReviewSpec`, {}),
)

export const tokenRequestType = review(
  authentication,
  'TokenRequest',
  struct(`${authentication}.TokenRequestSpec`, {
    audiences: always(1, list(string)),
    boundObjectRef: pointer(3, boundObjectReference),
    expirationSeconds: pointer(4, int64),
  }),
)
