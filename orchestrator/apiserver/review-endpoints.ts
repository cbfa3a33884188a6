// The reviews that are answered and never stored: who is this, may they. Counterpart:
// registry/authentication and registry/authorization. `kubectl auth whoami` and `auth can-i` ask
// these; they pass admission like any create, and are answered by the authenticators and authorizers
// that requests pass.

import type { FieldError, Kind } from '../api/kind.js'
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
import { checkNamespace, decodeObject, warningHeaders } from './decoding.js'
import type { ApiResponse } from './exchange.js'
import { asJson, textAt, withField } from './object-fields.js'
import { parseWriteOptions } from './query-options.js'
import { jsonResponse } from './rendering.js'
import type { Call } from './resource-endpoints.js'
import { admitReview } from './subresource-admission.js'
import type { WriteAdmission } from './write-admission.js'

export interface ReviewServices {
  readonly authorizer: Authorizer
  readonly tokenLookups: readonly TokenLookup[]
  /** For whom a token must be when a review does not say. */
  readonly audiences: readonly string[]
  readonly admission: WriteAdmission
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

  /** Throws ApiError: BadRequest, Invalid, and whatever admission refuses it with. */
  async answer(call: Call): Promise<ApiResponse> {
    const { kind, request, info } = call
    const options = parseWriteOptions(info.query)
    const contentType = request.headers.get('content-type') ?? ''
    const decoded = decodeObject(kind, request.body, contentType, options.fieldValidation)
    checkNamespace(kind, decoded.object, info.namespace)
    const { admission } = this.#services
    const { object, warnings } = await admitReview(
      admission,
      call,
      decoded.object,
      options,
      review => {
        checkReview(kind, review, info.namespace)
        return review
      },
    )
    const status = await this.#status(call, object)
    const body: JsonObject = { ...reviewed(object), status: status as JsonObject }
    const headers = warningHeaders([...decoded.warnings, ...warnings])
    return jsonResponse(201, body, call.negotiated.format, headers)
  }

  #status({ kind, user }: Call, object: KubeObject): Promise<object> {
    switch (kind.plural) {
      case 'selfsubjectreviews':
        return Promise.resolve({ userInfo: userInfoOf(user) } satisfies SelfSubjectReview['status'])
      case 'tokenreviews':
        return Promise.resolve(this.#tokenStatus(object as TokenReview))
      case 'selfsubjectrulesreviews':
        return Promise.resolve(this.#rulesStatus(object as SelfSubjectRulesReview, user))
      case 'selfsubjectaccessreviews':
        return this.#accessStatus((object as SubjectAccessReview).spec, user)
      default: {
        const { spec } = object as SubjectAccessReview
        return this.#accessStatus(spec, subjectOf(spec))
      }
    }
  }

  async #accessStatus(spec: SubjectAccessReviewSpec, user: User): Promise<object> {
    const { allowed, reason } = await this.#services.authorizer.freshVerdict(user, askedOf(spec))
    return { allowed, ...(reason === '' ? {} : { reason }) }
  }

  #tokenStatus({ spec }: TokenReview): object {
    const asked = spec.audiences ?? []
    const audiences = asked.length === 0 ? this.#services.audiences : asked
    const known = authenticateToken(spec.token, audiences, this.#services.tokenLookups)
    if (known === null) return { user: {}, error: 'invalid bearer token' }
    return { authenticated: true, user: userInfoOf(known.user), audiences: known.audiences }
  }

  #rulesStatus({ spec }: SelfSubjectRulesReview, user: User): object {
    const { rules, error } = this.#services.authorizer.rulesFor(user, spec.namespace ?? '')
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

/** Whether it can be answered. Throws ApiError BadRequest, Invalid. */
function checkReview(kind: Kind, object: KubeObject, namespace: string): void {
  switch (kind.plural) {
    case 'selfsubjectreviews':
      return
    case 'tokenreviews':
      if (textAt(object, 'spec.token') !== '') return
      throw badRequest('token is required for TokenReview in authentication')
    case 'selfsubjectrulesreviews':
      if (textAt(object, 'spec.namespace') !== '') return
      throw badRequest('no namespace on request')
    default: {
      const { spec = {} } = object as Partial<SubjectAccessReview>
      const own = kind.plural === 'selfsubjectaccessreviews'
      const local = kind.plural === 'localsubjectaccessreviews'
      const errors = [
        ...(own ? accessErrors(spec) : subjectErrors(spec)),
        ...(local ? localErrors(spec) : []),
      ]
      if (errors.length > 0) throw invalid(kind, '', errors)
      if (!local || spec.resourceAttributes?.namespace === namespace) return
      throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
    }
  }
}

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

function localErrors(spec: SubjectAccessReviewSpec): FieldError[] {
  if (spec.nonResourceAttributes === undefined) return []
  return [forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')]
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
