// The configuration that a server-side apply sends: YAML, in part an object of its kind, checked as
// far as can be without the live one. Pure. Counterpart: the applyPatcher of endpoints/handlers.

import { checkShape, fieldWarnings, parseBody, typeError } from '../api/decode.js'
import { configurationErrors } from '../api/merge/configuration-errors.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { badRequest, unexplained } from '../api/status.js'
import type { WireType } from '../api/wire-types.js'
import { asJson, asObject, fieldAt, textAt } from './object-fields.js'
import type { FieldValidation } from './query-options.js'

export interface Configuration {
  readonly config: JsonObject
  /** For Warning headers. */
  readonly warnings: readonly string[]
}

/**
 * Throws ApiError: BadRequest for a body that is no object of this version or names owners itself;
 * an unexplained failure, as the original has it, where it does not fit the schema.
 */
export function decodeConfiguration(
  type: WireType,
  place: { readonly namespace: string; readonly name: string },
  body: Uint8Array,
  contentType: string,
  validation: FieldValidation,
): Configuration {
  const { value: config, duplicateFields } = parseBody(body, contentType)
  if (!isJsonObject(config)) {
    throw badRequest('error decoding patch: a configuration must be an object')
  }
  const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`
  const given = textAt(config, 'apiVersion')
  if (given !== apiVersion) {
    const text = `Specified patch version: ${given}, expected: ${apiVersion}`
    throw badRequest(`Incorrect version specified in apply patch. ${text}`)
  }
  const kind = textAt(config, 'kind')
  if ((fieldAt(config, 'metadata.managedFields') ?? null) !== null) {
    throw badRequest('metadata.managedFields must be nil')
  }
  const what = `${place.namespace}/${place.name}; ${apiVersion}, Kind=${kind}`
  const errors =
    kind === type.kind
      ? configurationErrors(config, type.schema)
      : [`no corresponding type for ${apiVersion}, Kind=${kind}`]
  const [only, second] = errors
  if (only !== undefined) {
    const list = second === undefined ? only : `errors:\n${errors.map(e => `  ${e}`).join('\n')}`
    throw unexplained(`failed to create typed patch object (${what}): ${list}`)
  }
  const warnings = fieldWarnings([], duplicateFields)
  if (validation === 'Strict' && warnings.length > 0) {
    throw badRequest(`error strict decoding patch: ${warnings.join(', ')}`)
  }
  return { config, warnings: validation === 'Warn' ? warnings : [] }
}

/** What was merged, as decoding leaves objects: nulls absent, quantities in their one form. */
export function settled(type: WireType, merged: KubeObject): KubeObject {
  const { object, typeErrors } = checkShape(type, asJson(merged))
  if (typeErrors.length > 0) throw typeError(type, typeErrors)
  const { metadata } = object
  return asObject({ ...object, metadata: metadata ?? {} })
}
