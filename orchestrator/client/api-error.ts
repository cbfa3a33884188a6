// An apiserver's refusal as an error: the Status object's reason and code, whether a retry can
// help and what is known of the effect. Counterpart: apimachinery's pkg/api/errors.

import type { Json, JsonObject } from '../api/object.js'
import { type Outcome, RaftsmanError } from '../../platform/errors.js'
import type { ApiResponse } from './transport.js'

export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'UnsupportedMediaType'
  | 'RequestEntityTooLarge'
  | 'TooManyRequests'
  | 'ServerTimeout'
  | 'Timeout'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Unknown'

export class ApiError extends RaftsmanError {
  readonly httpStatus: number
  readonly reason: string
  /** The server's `details`: causes, retryAfterSeconds and so on. */
  readonly details: JsonObject
  /** How long the server asks us to wait; null when it does not say. */
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    traits: {
      readonly httpStatus: number
      readonly reason: string
      readonly details: JsonObject
      readonly retryAfterMs: number | null
    },
  ) {
    const { httpStatus, reason } = traits
    super(message, {
      code: `api-${reason}`,
      retryable: isRetryable(httpStatus, reason),
      outcome: outcomeOf(httpStatus),
    })
    this.httpStatus = httpStatus
    this.reason = reason
    this.details = traits.details
    this.retryAfterMs = traits.retryAfterMs
  }
}

const reasonByStatus: ReadonlyMap<number, StatusReason> = new Map([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [406, 'NotAcceptable'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
] satisfies [number, StatusReason][])

function isRetryable(httpStatus: number, reason: string): boolean {
  if (reason === 'Conflict') return true
  return httpStatus === 429 || httpStatus >= 500
}

/** A 4xx is decided before the store is written; a 5xx may come after. */
function outcomeOf(httpStatus: number): Outcome {
  return httpStatus < 500 ? 'not-applied' : 'unknown'
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** From a response that is not 2xx; bodies that are not a Status are survived. */
export function apiErrorFromResponse(response: ApiResponse, request: string): ApiError {
  let body: Json = null
  try {
    body = JSON.parse(response.body) as Json
  } catch {
    body = null
  }
  const status = isObject(body) && body['kind'] === 'Status' ? body : {}
  return apiErrorFromStatus({ code: response.status, ...status }, request, response.headers)
}

/** From a Status object, as it also arrives in a watch's ERROR event. */
export function apiErrorFromStatus(
  status: JsonObject,
  request: string,
  headers: Readonly<Record<string, string>> = {},
): ApiError {
  const httpStatus = typeof status['code'] === 'number' ? status['code'] : 500
  const details = isObject(status['details']) ? status['details'] : {}
  const reason =
    typeof status['reason'] === 'string' && status['reason'] !== ''
      ? status['reason']
      : (reasonByStatus.get(httpStatus) ?? 'Unknown')
  const text = typeof status['message'] === 'string' ? status['message'] : `HTTP ${httpStatus}`
  const seconds = Number(headers['retry-after'] ?? details['retryAfterSeconds'] ?? Number.NaN)
  return new ApiError(text === '' ? `${request}: HTTP ${httpStatus}` : text, {
    httpStatus,
    reason,
    details,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null,
  })
}

export const isNotFound = (error: unknown): boolean =>
  error instanceof ApiError && error.httpStatus === 404

export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.reason === 'Conflict'

export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof ApiError && error.reason === 'AlreadyExists'

/** The resourceVersion asked for is gone: list again. */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && error.httpStatus === 410

/** A create in a namespace that is being deleted. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.reason !== 'Forbidden') return false
  const causes = error.details['causes']
  return (
    Array.isArray(causes) &&
    causes.some(cause => isObject(cause) && cause['reason'] === 'NamespaceTerminating')
  )
}
