// PATCH: which of the patch languages, and the object that comes of it. Pure. Counterpart:
// endpoints/handlers/patch.go. Server-side apply, which is one of them by its media type, makes its
// objects in field-management.ts.

import { unreachable } from '../../platform/errors.js'
import { checkShape, fieldWarnings, parseBody } from '../api/decode.js'
import { jsonPatch } from '../api/merge/json-patch.js'
import { mergePatch } from '../api/merge/merge-patch.js'
import { strategicMergePatch } from '../api/merge/strategic-merge-patch.js'
import type { Kind } from '../api/kind.js'
import type { Json, KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { invalid, unsupportedMediaType } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import { invalidValue } from '../api/validation/field-errors.js'
import type { WireType } from '../api/wire-types.js'
import { withTypeMeta } from './decoding.js'
import type { Decoded } from './decoding.js'
import { parseMediaType } from './negotiation.js'
import { asJson, asObject } from './object-fields.js'
import type { FieldValidation } from './query-options.js'

/** A patch that says what to change. */
export type EditType = 'json' | 'merge' | 'strategic'

/** 'apply' says what is wanted. */
export type PatchType = EditType | 'apply'

const types: ReadonlyMap<string, PatchType> = new Map([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/apply-patch+yaml', 'apply'],
])

/** Throws ApiError UnsupportedMediaType. */
export function patchTypeOf(contentType: string, kind: Kind): PatchType {
  const type = types.get(parseMediaType(contentType).type)
  const known = [...types].filter(([, one]) => kind.custom === undefined || one !== 'strategic')
  if (type === undefined || !known.some(([, one]) => one === type)) {
    throw unsupportedMediaType(known.map(([name]) => name))
  }
  return type
}

/** Throws ApiError: BadRequest for a patch that is none, Invalid for one that does not apply. */
export function applyPatch(
  type: WireType,
  current: KubeObject,
  patchType: EditType,
  body: Uint8Array,
  validation: FieldValidation,
): Decoded {
  const { value: patch, duplicateFields } = parseBody(body, 'application/json')
  const patched = patchedJson(type, current, patchType, patch)
  const shown = patchType === 'strategic' ? goText(patch) : JSON.stringify(patched)
  if (!isJsonObject(patched)) throw unfit(shown, 'the result of the patch is not an object')
  const checked = checkShape(type, withTypeMeta(type, patched))
  const [wrong] = checked.typeErrors
  if (wrong !== undefined) throw unfit(shown, wrong.message)
  // The elements of a JSON patch are no fields of the object.
  const prefix = patchType === 'json' ? 'json patch ' : ''
  const duplicates = fieldWarnings([], duplicateFields).map(text => `${prefix}${text}`)
  const warnings = [...duplicates, ...fieldWarnings(checked.unknownFields, [])]
  if (validation === 'Strict' && warnings.length > 0) {
    throw unfit(shown, `strict decoding error: ${warnings.join(', ')}`)
  }
  const { metadata } = checked.object
  const object = asObject({ ...checked.object, metadata: metadata ?? {} })
  return { object, warnings: validation === 'Warn' ? warnings : [] }
}

const shownCharactersMax = 4_096

/** The 422 of a patch whose result is no object of its kind. */
function unfit(shown: string, why: string): ApiError {
  const value = shown.slice(0, shownCharactersMax)
  return invalid({ group: '', kind: '' }, '', [invalidValue('patch', value, why)])
}

/** A value as Go prints it: map[spec:map[replicas:1]]. */
function goText(value: Json): string {
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(goText).join(' ')}]`
  if (!isJsonObject(value)) return '<nil>'
  const entries = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner = null]) => `${key}:${goText(inner)}`)
  return `map[${entries.join(' ')}]`
}

function patchedJson(type: WireType, current: KubeObject, patchType: EditType, patch: Json): Json {
  const original = asJson(current)
  switch (patchType) {
    case 'json':
      return jsonPatch(original, patch)
    case 'merge':
      return mergePatch(original, patch)
    case 'strategic':
      return strategicMergePatch(type.schema, original, patch)
    default:
      return unreachable(patchType)
  }
}
