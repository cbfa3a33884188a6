// From a request body to an object of the kind that the URL names. Pure. Counterpart: the decoding
// half of apiserver's endpoints/handlers.

import { checkShape, fieldWarnings, parseBody, strictError, typeError } from '../api/decode.js'
import type { Kind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { badRequest } from '../api/status.js'
import type { WireType } from '../api/wire-types.js'
import { isJsonObject } from '../api/record.js'
import { asObject } from './object-fields.js'
import type { FieldValidation } from './query-options.js'

export interface Decoded {
  readonly object: KubeObject
  /** For Warning headers. */
  readonly warnings: readonly string[]
}

/** Throws ApiError: BadRequest, UnsupportedMediaType. */
export function decodeObject(
  type: WireType,
  body: Uint8Array,
  contentType: string,
  validation: FieldValidation,
): Decoded {
  if (body.length === 0) {
    throw badRequest(
      `${type.kind} in version "${type.version}" cannot be handled: the body is empty`,
    )
  }
  const { value, duplicateFields } = parseBody(body, contentType)
  if (!isJsonObject(value)) throw badRequest(`the body must be one ${type.kind} object`)
  const stated = withTypeMeta(type, value)
  const checked = checkShape(type, stated)
  if (checked.typeErrors.length > 0) throw typeError(type, checked.typeErrors)
  const warnings = fieldWarnings(checked.unknownFields, duplicateFields)
  if (validation === 'Strict' && warnings.length > 0) throw strictError(type, warnings)
  const { metadata } = checked.object
  const object = asObject({ ...checked.object, metadata: metadata ?? {} })
  return { object, warnings: validation === 'Warn' ? warnings : [] }
}

/**
 * Options in a body. Clients send them under the group and version of the resource they are about,
 * so what the body says of itself is not looked at. Throws ApiError.
 */
export function decodeOptions(type: WireType, body: Uint8Array, contentType: string): JsonObject {
  const checked = checkShape(type, parseBody(body, contentType).value)
  if (checked.typeErrors.length > 0) throw typeError(type, checked.typeErrors)
  return checked.object
}

/**
 * With apiVersion and kind, which may be left out where the URL says them. Throws ApiError BadRequest
 * where they name another type.
 */
export function withTypeMeta(type: WireType, value: JsonObject): JsonObject {
  const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`
  const given = { apiVersion: value['apiVersion'] ?? '', kind: value['kind'] ?? '' }
  if (given.apiVersion !== '' && given.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${textOf(given.apiVersion)}) does not match the expected API version (${apiVersion})`,
    )
  }
  if (given.kind !== '' && given.kind !== type.kind) {
    throw badRequest(
      `the kind in the data (${textOf(given.kind)}) does not match the expected kind (${type.kind})`,
    )
  }
  return { ...value, apiVersion, kind: type.kind }
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The namespace of the body must be that of the URL, or absent. Throws ApiError BadRequest. */
export function checkNamespace(kind: Kind, object: KubeObject, namespace: string): void {
  const given = object.metadata.namespace ?? ''
  if (kind.namespaced && given !== '' && given !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  }
}

/** The name of the body must be that of the URL. Throws ApiError BadRequest. */
export function checkName(object: KubeObject, name: string): void {
  const given = object.metadata.name ?? ''
  if (given === '') {
    throw badRequest('name must be provided')
  }
  if (given !== name) {
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${name})`,
    )
  }
}

/** `299 - "text"` as header values; long ones are cut, and there are only so many. */
export function warningHeaders(
  warnings: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  if (warnings.length === 0) return {}
  const total = warnings.reduce((sum, text) => sum + text.length, 0)
  const most = total > warningsCharactersMax ? warningCharactersMax : total
  const values = warnings.slice(0, warningsMax).map(text => {
    const clean = printable(text).slice(0, most)
    return `299 - "${clean.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  })
  return { warning: values }
}

const warningsMax = 32
/** Cut to this each where all of them together would be too much for a header. */
const warningCharactersMax = 256
const warningsCharactersMax = 4_096

/** Header values carry no control characters and nothing beyond ASCII. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
