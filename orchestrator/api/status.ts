// The Status objects that clients act on, with the reasons, codes and texts that they know, and the
// error that carries one through the server. Counterpart: pkg/api/errors of k8s.io/apimachinery.

import { RaftsmanError } from '../../platform/errors.js'
import type { FieldError } from './kind.js'
import type { Status, StatusCause, StatusDetails } from './types/meta.js'

export type { Status, StatusCause, StatusDetails } from './types/meta.js'

export type StatusReason =
  | 'AlreadyExists'
  | 'BadRequest'
  | 'Conflict'
  | 'Expired'
  | 'Forbidden'
  | 'Gone'
  | 'InternalError'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'NotFound'
  | 'RequestEntityTooLarge'
  | 'ServerTimeout'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'TooManyRequests'
  | 'Unauthorized'
  | 'UnsupportedMediaType'

/** The part of a Kind that an error about one of its objects needs. */
export interface ResourceName {
  readonly group: string
  readonly plural: string
}

/** A failed request; `status` is the body of the answer, `status.code` its HTTP status. */
export class ApiError extends RaftsmanError {
  readonly status: Status
  /** What else there was to say before the request failed, for Warning headers. */
  readonly warnings: readonly string[]

  constructor(status: Status, cause?: unknown, warnings: readonly string[] = []) {
    const reason = status.reason ?? 'Unknown'
    super(status.message ?? reason, {
      code: `api/${reason}`,
      retryable: retryableReasons.has(reason),
      outcome: unknownOutcomes.has(reason) ? 'unknown' : 'not-applied',
      cause,
    })
    this.status = status
    this.warnings = warnings
  }

  /** The same, with warnings before its own. */
  warned(warnings: readonly string[]): ApiError {
    if (warnings.length === 0) return this
    return new ApiError(this.status, this.cause, [...warnings, ...this.warnings])
  }

  /** The HTTP status of the answer. */
  get httpCode(): number {
    return this.status.code ?? 500
  }
}

const retryableReasons: ReadonlySet<string> = new Set<StatusReason>([
  'ServerTimeout',
  'ServiceUnavailable',
  'Timeout',
  'TooManyRequests',
])

/** The server gave up waiting or failed half way: the write may have reached the store. */
const unknownOutcomes: ReadonlySet<string> = new Set<StatusReason>(['InternalError', 'Timeout'])

export function isStatusReason(error: unknown, reason: StatusReason): boolean {
  return error instanceof ApiError && error.status.reason === reason
}

/** "deployments.apps", or "pods" in the core group. */
export function qualifiedResource(resource: ResourceName): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

function failure(
  code: number,
  reason: StatusReason,
  message: string,
  details?: StatusDetails,
): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  })
}

function detailsOf(resource: ResourceName, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  }
}

/** The Status of a request that did what it was asked; DELETE answers with `details`. */
export function success(details?: StatusDetails): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(details === undefined ? {} : { details }),
  }
}

/** What a DELETE answers when the object is gone at once. */
export function deleted(resource: ResourceName, name: string, uid: string): Status {
  return success({ ...detailsOf(resource, name), uid })
}

export function notFound(resource: ResourceName, name: string): ApiError {
  const message = `${qualifiedResource(resource)} "${name}" not found`
  return failure(404, 'NotFound', message, detailsOf(resource, name))
}

/** A path that names no resource at all. */
/** `what` says more where the bare sentence would leave users guessing: "pods/exec is not served". */
export function pathNotFound(what = ''): ApiError {
  const sentence = 'the server could not find the requested resource'
  return failure(404, 'NotFound', what === '' ? sentence : `${sentence}: ${what}`, {})
}

export function alreadyExists(resource: ResourceName, name: string): ApiError {
  const message = `${qualifiedResource(resource)} "${name}" already exists`
  return failure(409, 'AlreadyExists', message, detailsOf(resource, name))
}

export const modifiedText =
  'the object has been modified; please apply your changes to the latest version and try again'

/** `why` is the original's text for a stale resourceVersion unless another is given. */
export function conflict(
  resource: ResourceName,
  name: string,
  why: string = modifiedText,
): ApiError {
  const what = `${qualifiedResource(resource)} "${name}"`
  const message = `Operation cannot be fulfilled on ${what}: ${why}`
  return failure(409, 'Conflict', message, detailsOf(resource, name))
}

/** Somebody else owns what is applied; a cause for every field. */
export function applyConflict(message: string, causes: readonly StatusCause[]): ApiError {
  return failure(409, 'Conflict', message, { causes })
}

/**
 * A 422. `kind.kind` names the type as users know it ("Deployment.apps"); every error becomes a
 * cause. Errors must not be empty.
 */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): ApiError {
  const causes: StatusCause[] = errors.map(e => ({
    reason: e.reason,
    message: e.message,
    field: e.field,
  }))
  const texts = [...new Set(errors.map(e => `${e.field}: ${e.message}`))]
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const type = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const details = {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  }
  return failure(422, 'Invalid', `${type} "${name}" is invalid: ${list}`, details)
}

export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message)
}

export function unauthorized(message = 'Unauthorized'): ApiError {
  return failure(401, 'Unauthorized', message)
}

/** `why` follows "is forbidden: "; name '' speaks of the whole resource. */
export function forbidden(resource: ResourceName, name: string, why: string): ApiError {
  const what = qualifiedResource(resource)
  const message =
    name === '' ? `${what} is forbidden: ${why}` : `${what} "${name}" is forbidden: ${why}`
  return failure(403, 'Forbidden', message, detailsOf(resource, name))
}

/** `path` is one that no resource stands behind, such as "/metrics". */
export function forbiddenPath(path: string, why: string): ApiError {
  return failure(403, 'Forbidden', `forbidden: ${why}`, { name: path })
}

/** `action` as users know it: the HTTP method or the verb. */
export function methodNotAllowed(
  resource: ResourceName,
  action: string,
  message = `${action} is not supported on resources of kind "${qualifiedResource(resource)}"`,
): ApiError {
  return failure(405, 'MethodNotAllowed', message, detailsOf(resource, ''))
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`
  return failure(406, 'NotAcceptable', message)
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const list = accepted.join(', ')
  const message = `the body of the request was in an unknown format - accepted media types include: ${list}`
  return failure(415, 'UnsupportedMediaType', message)
}

export function requestEntityTooLarge(limitBytes: number): ApiError {
  return tooLarge(`limit is ${limitBytes}`)
}

/** `why` follows "too large: ". */
export function tooLarge(why: string): ApiError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`)
}

/** A resourceVersion or continue token that the store has compacted away. */
export function expired(message: string): ApiError {
  return failure(410, 'Expired', message)
}

/** The error event of a watch that fell behind the compacted past. */
export function gone(message: string): ApiError {
  return failure(410, 'Gone', message)
}

/** The request ran out of time; nobody knows whether it took effect. */
export function timeout(message: string, retryAfterSeconds = 0): ApiError {
  return failure(504, 'Timeout', `Timeout: ${message}`, retryDetails(retryAfterSeconds))
}

/** `causes` explain a refused eviction, among others. */
export function tooManyRequests(
  message: string,
  retryAfterSeconds: number,
  causes: readonly StatusCause[] = [],
): ApiError {
  const details = { ...retryDetails(retryAfterSeconds), ...(causes.length > 0 ? { causes } : {}) }
  return failure(429, 'TooManyRequests', message, details)
}

/** `message` goes to the client: never put a secret or a stack in it. */
export function internalError(message: string): ApiError {
  const details = { causes: [{ message }] }
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, details)
}

/** A failure that the original gives no reason for: a 500 with nothing but its sentence. */
export function unexplained(message: string): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  })
}

export function serviceUnavailable(message: string, retryAfterSeconds = 0): ApiError {
  return failure(503, 'ServiceUnavailable', message, retryDetails(retryAfterSeconds))
}

function retryDetails(retryAfterSeconds: number): StatusDetails {
  return retryAfterSeconds > 0 ? { retryAfterSeconds } : {}
}
