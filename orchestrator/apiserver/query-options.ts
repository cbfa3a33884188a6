// Options that travel in the query string (ListOptions, CreateOptions, PatchOptions and so on),
// parsed and checked with the original's rules. Pure.

import type { FieldError } from '../api/kind.js'
import type { JsonObject } from '../api/object.js'
import { badRequest, invalid } from '../api/status.js'
import { forbiddenField, required } from '../api/validation/field-errors.js'
import { isTrue } from './request-info.js'

export type VersionMatch = 'NotOlderThan' | 'Exact'

export interface ListOptions {
  readonly labelSelector: string
  readonly fieldSelector: string
  /** '' is "most recent"; '0' is "whatever is at hand". */
  readonly resourceVersion: string
  readonly resourceVersionMatch: VersionMatch | null
  /** 0: none. */
  readonly limit: number
  readonly continueToken: string
  /** 0: the server chooses. */
  readonly timeoutSeconds: number
  readonly allowWatchBookmarks: boolean
  /** Null when the client did not say. */
  readonly sendInitialEvents: boolean | null
}

export interface GetOptions {
  /** As in ListOptions. */
  readonly resourceVersion: string
  /** Exact reads the object as it was; the original knows this of lists only. */
  readonly resourceVersionMatch: VersionMatch | null
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldValidation: FieldValidation
  readonly fieldManager: string
  readonly force: boolean
}

export type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground'

export interface DeleteOptions {
  /** Null: the kind's own. */
  readonly gracePeriodSeconds: number | null
  readonly propagationPolicy: PropagationPolicy | null
  readonly uid: string | null
  readonly resourceVersion: string | null
  readonly dryRun: boolean
}

/** Throws ApiError Invalid. */
export function parseGetOptions(query: URLSearchParams): GetOptions {
  const { resourceVersion, resourceVersionMatch } = parseListOptions(
    new URLSearchParams(
      [...query].filter(([name]) => name === 'resourceVersion' || name === 'resourceVersionMatch'),
    ),
    false,
  )
  return { resourceVersion, resourceVersionMatch }
}

/** Throws ApiError: BadRequest for values that are no options, Invalid for contradictory ones. */
export function parseListOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const match = query.get('resourceVersionMatch') ?? ''
  const sendInitial = query.get('sendInitialEvents')
  const options: ListOptions = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: resourceVersionText(query.get('resourceVersion') ?? ''),
    resourceVersionMatch: match === 'NotOlderThan' || match === 'Exact' ? match : null,
    limit: wholeNumber(query, 'limit'),
    continueToken: query.get('continue') ?? '',
    timeoutSeconds: wholeNumber(query, 'timeoutSeconds'),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitial === null ? null : isTrue(sendInitial),
  }
  const errors = listOptionErrors(options, match, watch)
  if (errors.length > 0) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors)
  }
  return options
}

function listOptionErrors(options: ListOptions, match: string, watch: boolean): FieldError[] {
  const errors: FieldError[] = []
  const forbid = (field: string, why: string) =>
    errors.push({ reason: 'FieldValueForbidden', field, message: `Forbidden: ${why}` })
  if (watch) {
    if (options.sendInitialEvents !== null) {
      if (match === '') {
        forbid(
          'resourceVersionMatch',
          'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        )
      } else if (match !== 'NotOlderThan') {
        errors.push({
          reason: 'FieldValueNotSupported',
          field: 'resourceVersionMatch',
          message: `Unsupported value: "${match}": supported values: "NotOlderThan"`,
        })
      }
    } else if (match !== '') {
      forbid(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      )
    }
    return errors
  }
  if (options.sendInitialEvents !== null) {
    forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  }
  if (match === '') return errors
  if (options.continueToken !== '') {
    forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden if continue is provided')
  }
  if (options.resourceVersion === '') {
    forbid(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    )
  }
  if (options.resourceVersionMatch === null) {
    errors.push({
      reason: 'FieldValueNotSupported',
      field: 'resourceVersionMatch',
      message: `Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`,
    })
  }
  if (match === 'Exact' && options.resourceVersion === '0') {
    forbid(
      'resourceVersionMatch',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    )
  }
  return errors
}

/** Throws ApiError. */
export function parseWriteOptions(query: URLSearchParams): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? ''
  const validation = query.get('fieldValidation') ?? ''
  if (validation !== '' && !['Ignore', 'Warn', 'Strict'].includes(validation)) {
    throw badRequest(
      `fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Warn", "Strict"`,
    )
  }
  if (fieldManager.length > 128) throw badRequest('fieldManager: may not be more than 128 bytes')
  return {
    dryRun: parseDryRun(query.getAll('dryRun')),
    fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation),
    fieldManager,
    force: isTrue(query.get('force')),
  }
}

/** Options of a PATCH: who applies must say who that is, and only they may force. Throws ApiError. */
export function parsePatchOptions(query: URLSearchParams, apply: boolean): WriteOptions {
  const options = parseWriteOptions(query)
  const errors: FieldError[] = []
  if (apply && options.fieldManager === '') {
    errors.push(required('fieldManager', 'is required for apply patch'))
  }
  if (!apply && query.has('force')) {
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  }
  if (errors.length > 0) {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', errors)
  }
  return options
}

/** The body, where there is one, replaces the query. Throws ApiError. */
export function parseDeleteOptions(query: URLSearchParams, body: JsonObject | null): DeleteOptions {
  const fromBody = (name: string) => body?.[name] ?? null
  const grace = fromBody('gracePeriodSeconds') ?? numberOrNull(query, 'gracePeriodSeconds')
  if (grace !== null && (typeof grace !== 'number' || !Number.isInteger(grace))) {
    throw badRequest('gracePeriodSeconds must be a whole number')
  }
  if (grace !== null && grace < 0) {
    // As in Kubernetes: a negative grace means the shortest that is graceful.
    return parseDeleteOptions(query, { ...body, gracePeriodSeconds: 1 })
  }
  const policy = fromBody('propagationPolicy') ?? query.get('propagationPolicy')
  const orphan = fromBody('orphanDependents') ?? boolOrNull(query, 'orphanDependents')
  if (policy !== null && orphan !== null) {
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      {
        reason: 'FieldValueInvalid',
        field: 'propagationPolicy',
        message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      },
    ])
  }
  const preconditions = (fromBody('preconditions') ?? {}) as JsonObject
  const dryRun = body?.['dryRun'] ?? query.getAll('dryRun')
  return {
    gracePeriodSeconds: grace,
    propagationPolicy: propagation(policy, orphan),
    uid: textOrNull(preconditions['uid']),
    resourceVersion: textOrNull(preconditions['resourceVersion']),
    dryRun: parseDryRun(Array.isArray(dryRun) ? dryRun.map(String) : []),
  }
}

function propagation(policy: unknown, orphan: unknown): PropagationPolicy | null {
  if (policy === 'Orphan' || policy === 'Background' || policy === 'Foreground') return policy
  if (policy !== null && policy !== '') {
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        field: 'propagationPolicy',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
      },
    ])
  }
  if (orphan === null) return null
  return orphan === true ? 'Orphan' : 'Background'
}

function parseDryRun(values: readonly string[]): boolean {
  const given = values.filter(value => value !== '')
  const bad = given.find(value => value !== 'All')
  if (bad !== undefined) {
    throw badRequest(`dryRun: Unsupported value: "${bad}": supported values: "All"`)
  }
  return given.length > 0
}

/** '' and '0' keep their meanings; everything else must be a revision. */
export function resourceVersionText(text: string): string {
  if (text === '' || /^\d{1,16}$/.test(text)) return text
  throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
    {
      reason: 'FieldValueInvalid',
      field: 'resourceVersion',
      message: `Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
    },
  ])
}

function wholeNumber(query: URLSearchParams, name: string): number {
  return numberOrNull(query, name) ?? 0
}

function numberOrNull(query: URLSearchParams, name: string): number | null {
  const text = query.get(name)
  if (text === null || text === '') return null
  if (!/^-?\d{1,15}$/.test(text)) {
    throw badRequest(`${name}: strconv.ParseInt: parsing "${text}": invalid syntax`)
  }
  return Number(text)
}

function boolOrNull(query: URLSearchParams, name: string): boolean | null {
  const text = query.get(name)
  return text === null ? null : isTrue(text)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
