// The reviews that are answered and never stored: who is this, may they. Counterpart:
// registry/authentication and registry/authorization. `kubectl auth whoami` and `auth can-i` ask
// these; they are answered by the authenticators and authorizers that requests pass.

import type { FieldError, GroupVersionKind, Kind } from '../api/kind.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import type { Attributes } from '../api/rbac/attributes.js'
import { badRequest, invalid } from '../api/status.js'
import type { SelfSubjectReview, TokenReview, UserInfo } from '../api/types/authentication.js'
import type {
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../api/types/authorization.js'
import { forbiddenField, invalidValue } from '../api/validation/field-errors.js'
import { authenticateToken } from './authentication.js'
import type { TokenLookup, User } from './authentication.js'
import type { Authorizer } from './authorizer.js'
import { decodeObject, warningHeaders } from './decoding.js'
import type { Decoded } from './decoding.js'
import type { ApiResponse } from './exchange.js'
import { asJson, withField } from './object-fields.js'
import { parseWriteOptions } from './query-options.js'
import { jsonResponse } from './rendering.js'
import type { Call } from './resource-endpoints.js'

export interface ReviewServices {
  readonly authorizer: Authorizer
  readonly tokenLookups: readonly TokenLookup[]
  /** For whom a token must be when a review does not say. */
  readonly audiences: readonly string[]
}

export class ReviewEndpoints {
  readonly #services: ReviewServices

  constructor(services: ReviewServices) {
    this.#services = services
  }

  /** Is this a kind that is answered here? */
  handles({ group, plural }: Kind): boolean {
    return reviews.has(`${group}/${plural}`)
  }

  /** Throws ApiError BadRequest, Invalid. */
  async answer(call: Call): Promise<ApiResponse> {
    const { kind, request, info } = call
    const options = parseWriteOptions(info.query)
    const contentType = request.headers.get('content-type') ?? ''
    const decoded = decodeObject(kind, request.body, contentType, options.fieldValidation)
    const status = await this.#status(call, decoded)
    const body: JsonObject = { ...reviewed(decoded.object), status: status as JsonObject }
    return jsonResponse(201, body, call.negotiated.format, warningHeaders(decoded.warnings))
  }

  #status(call: Call, { object }: Decoded): Promise<object> {
    const { kind, user, info } = call
    switch (kind.plural) {
      case 'selfsubjectreviews':
        return Promise.resolve({ userInfo: userInfoOf(user) } satisfies SelfSubjectReview['status'])
      case 'tokenreviews':
        return Promise.resolve(this.#tokenStatus(object as TokenReview))
      case 'selfsubjectrulesreviews':
        return Promise.resolve(this.#rulesStatus(object as SelfSubjectRulesReview, user))
      case 'selfsubjectaccessreviews': {
        const { spec } = object as SubjectAccessReview
        return this.#accessStatus(kind, spec, user, accessErrors(spec))
      }
      case 'localsubjectaccessreviews': {
        const { spec } = object as SubjectAccessReview
        const errors = [...subjectErrors(spec), ...localErrors(spec, info.namespace)]
        return this.#accessStatus(kind, spec, subjectOf(spec), errors)
      }
      default: {
        const { spec } = object as SubjectAccessReview
        return this.#accessStatus(kind, spec, subjectOf(spec), subjectErrors(spec))
      }
    }
  }

  async #accessStatus(
    kind: GroupVersionKind,
    spec: SubjectAccessReviewSpec,
    user: User,
    errors: readonly FieldError[],
  ): Promise<object> {
    if (errors.length > 0) throw invalid(kind, '', errors)
    const { allowed, reason } = await this.#services.authorizer.freshVerdict(user, askedOf(spec))
    return { allowed, ...(reason === '' ? {} : { reason }) }
  }

  #tokenStatus({ spec }: TokenReview): object {
    if (spec.token === '') throw badRequest('token is required for TokenReview in authentication')
    const asked = spec.audiences ?? []
    const audiences = asked.length === 0 ? this.#services.audiences : asked
    const known = authenticateToken(spec.token, audiences, this.#services.tokenLookups)
    if (known === null) return { user: {}, error: 'invalid bearer token' }
    return { authenticated: true, user: userInfoOf(known.user), audiences: known.audiences }
  }

  #rulesStatus({ spec }: SelfSubjectRulesReview, user: User): object {
    const namespace = spec.namespace ?? ''
    if (namespace === '') throw badRequest('no namespace on request')
    const { rules, error } = this.#services.authorizer.rulesFor(user, namespace)
    return {
      resourceRules: rules.flatMap(rule => {
        const { verbs, apiGroups, resources = [], resourceNames } = rule
        return resources.length === 0 ? [] : [{ verbs, apiGroups, resources, resourceNames }]
      }),
      nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs = [] }) =>
        nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }],
      ),
      incomplete: error !== '',
      ...(error === '' ? {} : { evaluationError: error }),
    }
  }
}

const reviews = new Set([
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
])

/** What was asked, as it goes back: nothing of it was stored, so it has no time. */
function reviewed(object: KubeObject): JsonObject {
  return withField(asJson(object), 'metadata.creationTimestamp', null)
}

function userInfoOf(user: User): UserInfo {
  return {
    username: user.name,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  }
}

function subjectOf({
  user = '',
  uid = '',
  groups = [],
  extra = {},
}: SubjectAccessReviewSpec): User {
  return { name: user, uid, groups, extra }
}

function accessErrors(spec: SubjectAccessReviewSpec): FieldError[] {
  const one = (spec.resourceAttributes === undefined) !== (spec.nonResourceAttributes === undefined)
  if (one) return []
  const text = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
  const field =
    spec.resourceAttributes === undefined ? 'spec.resourceAttributes' : 'spec.nonResourceAttributes'
  return [invalidValue(field, null, text)]
}

function subjectErrors(spec: SubjectAccessReviewSpec): FieldError[] {
  const nobody = (spec.user ?? '') === '' && (spec.groups ?? []).length === 0
  const text = 'at least one of user or group must be specified'
  return [...accessErrors(spec), ...(nobody ? [invalidValue('spec.user', '', text)] : [])]
}

function localErrors(spec: SubjectAccessReviewSpec, namespace: string): FieldError[] {
  if (spec.nonResourceAttributes !== undefined) {
    return [forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')]
  }
  const given = spec.resourceAttributes?.namespace ?? ''
  if (given === namespace) return []
  throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
}

/** Any word is a fair question; a verb that no rule names is refused. */
function askedOf({
  resourceAttributes: asked,
  nonResourceAttributes: path,
}: SubjectAccessReviewSpec): Attributes {
  if (asked === undefined) {
    return { kind: 'non-resource', verb: path?.verb ?? '', path: path?.path ?? '' }
  }
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = asked
  return { kind: 'resource', verb, group, resource, subresource, namespace, name }
}
