import { describe, expect, test } from 'vitest'
import * as status from './status.js'
import type { ApiError } from './status.js'

const pods = { group: '', plural: 'pods' }
const deployments = { group: 'apps', plural: 'deployments', kind: 'Deployment' }

test.each<readonly [ApiError, number, string, string]>([
  [status.notFound(pods, 'x'), 404, 'NotFound', 'pods "x" not found'],
  [status.notFound(deployments, 'x'), 404, 'NotFound', 'deployments.apps "x" not found'],
  [status.pathNotFound(), 404, 'NotFound', 'the server could not find the requested resource'],
  [status.alreadyExists(pods, 'x'), 409, 'AlreadyExists', 'pods "x" already exists'],
  [
    status.conflict(deployments, 'x'),
    409,
    'Conflict',
    'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; ' +
      'please apply your changes to the latest version and try again',
  ],
  [status.badRequest('no'), 400, 'BadRequest', 'no'],
  [status.unauthorized(), 401, 'Unauthorized', 'Unauthorized'],
  [status.forbidden(pods, 'x', 'no'), 403, 'Forbidden', 'pods "x" is forbidden: no'],
  [status.forbidden(pods, '', 'no'), 403, 'Forbidden', 'pods is forbidden: no'],
  [
    status.methodNotAllowed(pods, 'PUT'),
    405,
    'MethodNotAllowed',
    'PUT is not supported on resources of kind "pods"',
  ],
  [
    status.notAcceptable(['application/json']),
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json',
  ],
  [
    status.unsupportedMediaType(['application/json']),
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json',
  ],
  [
    status.requestEntityTooLarge(5),
    413,
    'RequestEntityTooLarge',
    'Request entity too large: limit is 5',
  ],
  [status.expired('too old'), 410, 'Expired', 'too old'],
  [status.gone('too old'), 410, 'Gone', 'too old'],
  [status.timeout('slow'), 504, 'Timeout', 'Timeout: slow'],
  [status.tooManyRequests('later', 3), 429, 'TooManyRequests', 'later'],
  [status.internalError('oops'), 500, 'InternalError', 'Internal error occurred: oops'],
  [status.serviceUnavailable('starting'), 503, 'ServiceUnavailable', 'starting'],
])('%s', (error, code, reason, message) => {
  expect(error.status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure' })
  expect(error.httpCode).toBe(code)
  expect(error.status.reason).toBe(reason)
  expect(error.message).toBe(message)
  expect(error.code).toBe(`api/${reason}`)
})

describe('invalid objects', () => {
  const replicas = {
    reason: 'FieldValueInvalid',
    field: 'spec.replicas',
    message: 'Invalid value: -1: must be greater than or equal to 0',
  } as const
  const selector = {
    reason: 'FieldValueRequired',
    field: 'spec.selector',
    message: 'Required value',
  } as const

  test('one error reads as a sentence and is a cause', () => {
    const error = status.invalid(deployments, 'x', [replicas])
    expect(error.httpCode).toBe(422)
    expect(error.message).toBe(
      'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or ' +
        'equal to 0',
    )
    expect(error.status.details).toEqual({
      name: 'x',
      group: 'apps',
      kind: 'Deployment',
      causes: [replicas],
    })
  })

  test('several errors are listed', () => {
    const error = status.invalid(deployments, 'x', [replicas, selector])
    expect(error.message).toMatch(
      /is invalid: \[spec\.replicas: .*, spec\.selector: Required value\]$/,
    )
  })
})

test('errors say whether a retry can help and what is known of the effect', () => {
  expect(status.timeout('slow')).toMatchObject({ retryable: true, outcome: 'unknown' })
  expect(status.internalError('x')).toMatchObject({ retryable: false, outcome: 'unknown' })
  expect(status.conflict(pods, 'x')).toMatchObject({ retryable: false, outcome: 'not-applied' })
  expect(status.tooManyRequests('x', 1)).toMatchObject({ retryable: true, outcome: 'not-applied' })
})

test('a deleted object is confirmed with its uid', () => {
  expect(status.deleted(deployments, 'x', 'u')).toMatchObject({
    status: 'Success',
    details: { name: 'x', group: 'apps', kind: 'deployments', uid: 'u' },
  })
})
