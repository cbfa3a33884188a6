// Who am I, may I: the reviews that are answered and never stored. Counterpart: registry/
// authentication and registry/authorization. `kubectl auth whoami` and `auth can-i` ask these.

import type { Json, JsonObject } from '../api/object.js'
import { badRequest } from '../api/status.js'
import type { WireType } from '../api/wire-types.js'
import { selfSubjectAccessReviewType, subjectAccessReviewType } from '../api/wire-types.js'
import { isJsonObject } from '../api/record.js'
import type { User } from './authentication.js'
import { authorize, rulesOf } from './authorization.js'
import { decodeObject } from './decoding.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import { negotiate } from './negotiation.js'
import { asJson } from './object-fields.js'
import { jsonResponse } from './rendering.js'
import type { RequestInfo, RequestVerb, ResourceRequest } from './request-info.js'

export class ReviewEndpoints {
  /** Null when the request is no review. Throws ApiError BadRequest. */
  async answer(
    info: ResourceRequest,
    request: ApiRequest,
    user: User,
  ): Promise<ApiResponse | null> {
    if (info.verb !== 'create' || info.version !== 'v1' || info.name !== '') return null
    const review = reviewOf(info, request, user)
    if (review === null) return null
    const format = negotiate(request.headers.get('accept'), null)?.format ?? 'json'
    return jsonResponse(201, review, format)
  }
}

function reviewOf(info: ResourceRequest, request: ApiRequest, user: User): JsonObject | null {
  switch (`${info.group}/${info.resource}`) {
    case 'authentication.k8s.io/selfsubjectreviews':
      return selfSubjectReview(user)
    case 'authorization.k8s.io/selfsubjectaccessreviews':
      return accessReview(
        decodeReview(selfSubjectAccessReviewType, request),
        'SelfSubjectAccessReview',
        user,
      )
    case 'authorization.k8s.io/selfsubjectrulesreviews':
      return rulesReview(user)
    case 'authorization.k8s.io/subjectaccessreviews': {
      const body = decodeReview(subjectAccessReviewType, request)
      return accessReview(body, 'SubjectAccessReview', subjectOf(body))
    }
    default:
      return null
  }
}

function decodeReview(type: WireType, request: ApiRequest): JsonObject {
  const contentType = request.headers.get('content-type') ?? ''
  return asJson(decodeObject(type, request.body, contentType, 'Ignore').object)
}

function selfSubjectReview(user: User): JsonObject {
  return {
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { creationTimestamp: null },
    status: {
      userInfo: {
        username: user.name,
        ...(user.uid === '' ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
      },
    },
  }
}

function rulesReview(user: User): JsonObject {
  const { resourceRules, paths } = rulesOf(user)
  return {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: {},
    status: {
      resourceRules: resourceRules.map(({ verbs, groups, resources }) => ({
        verbs,
        apiGroups: groups,
        resources,
      })),
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: paths }],
      incomplete: false,
    },
  }
}

/** The answer to "may this user": the same table that requests go by. */
export function accessReview(body: JsonObject, kind: string, user: User): JsonObject {
  const spec = isJsonObject(body['spec']) ? body['spec'] : {}
  const info = askedRequest(spec)
  if (info === null) {
    throw badRequest('spec: exactly one of nonResourceAttributes or resourceAttributes is needed')
  }
  const allowed = authorize(user, info).kind === 'allowed'
  return {
    kind,
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec,
    status: { allowed },
  }
}

function askedRequest(spec: JsonObject): RequestInfo | null {
  const resource = spec['resourceAttributes']
  const path = spec['nonResourceAttributes']
  if (isJsonObject(resource) === isJsonObject(path)) return null
  const query = new URLSearchParams()
  if (isJsonObject(path)) {
    return { kind: 'non-resource', verb: text(path['verb']), path: text(path['path']), query }
  }
  const asked = resource as JsonObject
  return {
    kind: 'resource',
    // Any text is a fair question; a verb that no rule names is denied.
    verb: text(asked['verb']) as RequestVerb,
    group: text(asked['group']),
    version: text(asked['version']),
    namespace: text(asked['namespace']),
    resource: text(asked['resource']),
    subresource: text(asked['subresource']),
    subpath: '',
    name: text(asked['name']),
    path: '',
    query,
  }
}

function subjectOf(body: JsonObject): User {
  const spec = isJsonObject(body['spec']) ? body['spec'] : {}
  const groups = Array.isArray(spec['groups']) ? (spec['groups'] as readonly Json[]).map(text) : []
  return { name: text(spec['user']), uid: text(spec['uid']), groups, extra: {} }
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
