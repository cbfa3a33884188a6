// TokenReviews and SelfSubjectReviews: asked and answered, never stored. Counterpart:
// pkg/registry/authentication.

import type { Kind } from '../../kind.js'
import {
  selfSubjectReview as selfSubjectReviewSchema,
  tokenReview as tokenReviewSchema,
} from '../../schema/authentication.js'
import { review } from '../kind-parts.js'

const group = 'authentication.k8s.io'

export const tokenReview: Kind = {
  ...review,
  group,
  kind: 'TokenReview',
  plural: 'tokenreviews',
  singular: 'tokenreview',
  schema: tokenReviewSchema,
}

export const selfSubjectReview: Kind = {
  ...review,
  group,
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  singular: 'selfsubjectreview',
  schema: selfSubjectReviewSchema,
}
