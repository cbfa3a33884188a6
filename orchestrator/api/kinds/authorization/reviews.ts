// Questions what somebody may do: asked and answered, never stored. Counterpart:
// pkg/registry/authorization.

import type { Kind } from '../../kind.js'
import {
  localSubjectAccessReview as localSubjectAccessReviewSchema,
  selfSubjectAccessReview as selfSubjectAccessReviewSchema,
  selfSubjectRulesReview as selfSubjectRulesReviewSchema,
  subjectAccessReview as subjectAccessReviewSchema,
} from '../../schema/authorization.js'
import { review } from '../kind-parts.js'

const group = 'authorization.k8s.io'

export const localSubjectAccessReview: Kind = {
  ...review,
  group,
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  singular: 'localsubjectaccessreview',
  namespaced: true,
  schema: localSubjectAccessReviewSchema,
}

export const selfSubjectAccessReview: Kind = {
  ...review,
  group,
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  singular: 'selfsubjectaccessreview',
  schema: selfSubjectAccessReviewSchema,
}

export const selfSubjectRulesReview: Kind = {
  ...review,
  group,
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  singular: 'selfsubjectrulesreview',
  schema: selfSubjectRulesReviewSchema,
}

export const subjectAccessReview: Kind = {
  ...review,
  group,
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  singular: 'subjectaccessreview',
  schema: subjectAccessReviewSchema,
}
