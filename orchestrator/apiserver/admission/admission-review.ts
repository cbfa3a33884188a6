// What a webhook is sent, what of its answer counts, and the Status of a denial. Pure. Counterpart:
// plugin/webhook/request, plugin/webhook/errors and admission/v1 of k8s.io/api.

import { Buffer } from 'node:buffer'
import type { GroupVersionKind, Kind } from '../../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../../api/object.js'
import { isJsonObject } from '../../api/record.js'
import { ApiError } from '../../api/status.js'
import type { Status } from '../../api/types/meta.js'
import type { User } from '../authentication.js'
import { asJson } from '../object-fields.js'
import type { DynamicRequest } from './dynamic.js'
import { namespaceOf } from './rule-matching.js'

export type ReviewVersion = 'v1' | 'v1beta1'

/** The first that we speak of those that a webhook understands. */
export function reviewVersion(versions: readonly string[]): ReviewVersion | null {
  return versions.find(one => one === 'v1' || one === 'v1beta1') ?? null
}

export interface ReviewedObjects {
  readonly object: KubeObject | null
  readonly old: KubeObject | null
}

/** `kind` is the version that the webhook asked for, in which the objects are. */
export function reviewOf(
  request: DynamicRequest,
  kind: Kind,
  { object, old }: ReviewedObjects,
  version: ReviewVersion,
  uid: string,
): JsonObject {
  const { requestKind, body, subresource } = request
  const nameOfSubresource = subresource === '' ? {} : { subResource: subresource }
  const requested = subresource === '' ? {} : { requestSubResource: subresource }
  const namespace = namespaceOf(request)
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: kindOf(body ?? kind),
      resource: resourceOf(kind),
      ...nameOfSubresource,
      requestKind: kindOf(body ?? requestKind),
      requestResource: resourceOf(requestKind),
      ...requested,
      ...(request.name === '' ? {} : { name: request.name }),
      ...(namespace === '' ? {} : { namespace }),
      operation: request.operation.toUpperCase(),
      userInfo: userInfo(request.user),
      object: object === null ? null : asJson(object),
      oldObject: old === null ? null : asJson(old),
      dryRun: request.dryRun,
      options: request.options,
    },
  }
}

function kindOf({ group, version, kind }: GroupVersionKind): JsonObject {
  return { group, version, kind }
}

function resourceOf({ group, version, plural }: Kind): JsonObject {
  return { group, version, resource: plural }
}

/** As authentication.k8s.io/v1 says who somebody is. */
function userInfo({ name, uid, groups, extra }: User): JsonObject {
  return {
    username: name,
    ...(uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

export interface ReviewAnswer {
  readonly allowed: boolean
  readonly result: JsonObject | null
  /** Null for none. */
  readonly patch: Json
  readonly warnings: readonly string[]
  readonly auditAnnotations: JsonObject
}

/** Throws an Error whose message says what is wrong with the answer. */
export function reviewAnswer(
  review: JsonObject,
  version: ReviewVersion,
  uid: string,
  mutating: boolean,
): ReviewAnswer {
  const { response, apiVersion, kind } = review
  const expected = `admission.k8s.io/${version}`
  if (!isJsonObject(response)) throw new Error('webhook response was absent')
  if (version === 'v1' && response['uid'] !== uid) {
    throw new Error(`expected response.uid=${quoted(uid)}, got ${quoted(response['uid'])}`)
  }
  const typed = version === 'v1' || apiVersion !== undefined || kind !== undefined
  if (typed && (apiVersion !== expected || kind !== 'AdmissionReview')) {
    const got = `${textOf(apiVersion)}, Kind=${textOf(kind)}`
    throw new Error(`expected webhook response of ${expected}, Kind=AdmissionReview, got ${got}`)
  }
  const { status, warnings, auditAnnotations } = response
  return {
    allowed: response['allowed'] === true,
    result: isJsonObject(status) ? status : null,
    patch: patchOf(response, version, mutating),
    warnings: Array.isArray(warnings) ? warnings.map(textOf) : [],
    auditAnnotations: isJsonObject(auditAnnotations) ? auditAnnotations : {},
  }
}

function patchOf(
  { patch, patchType }: JsonObject,
  version: ReviewVersion,
  mutating: boolean,
): Json {
  const text = textOf(patch)
  const type = patchType ?? null
  if (!mutating) {
    if (text !== '') throw new Error('validating webhook may not return response.patch')
    if (type !== null) throw new Error('validating webhook may not return response.patchType')
    return null
  }
  if (text === '') {
    if (type !== null && version === 'v1') {
      throw new Error('webhook returned response.patchType but not response.patch')
    }
    return null
  }
  if (type === null && version === 'v1') {
    throw new Error('webhook returned response.patch but not response.patchType')
  }
  if (type === '') throw new Error('webhook returned invalid response.patchType of ""')
  if (type !== null && type !== 'JSONPatch') {
    throw new Error(`unsupported patch type ${quoted(type)}`)
  }
  // Buffer reads base64 of any kind: what is no JSON then is said below.
  const decoded: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  return decoded as Json
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

function quoted(value: Json | undefined): string {
  return JSON.stringify(textOf(value))
}

const codeMin = 400

/** A webhook may say what it likes of its reasons, but no denial is a success. */
export function denial(webhook: string, result: JsonObject | null): ApiError {
  const given = result ?? {}
  const code = given['code']
  const message = textOf(given['message'])
  const reason = textOf(given['reason'])
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`
  const why =
    message !== '' ? `: ${message}` : reason !== '' ? `: ${reason}` : ' without explanation'
  const { details } = given
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${denied}${why}`,
    ...(reason === '' ? {} : { reason }),
    ...(isJsonObject(details) ? { details } : {}),
    code: typeof code === 'number' && code >= codeMin ? code : codeMin,
  }
  return new ApiError(status)
}
