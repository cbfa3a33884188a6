// PATCH: which of the patch languages, and the object that comes of it. Pure. Counterpart:
// endpoints/handlers/patch.go. Server-side apply is refused with 415 until field ownership exists.

import { unreachable } from '../../platform/errors.js'
import { parseBody } from '../api/decode.js'
import { jsonPatch } from '../api/merge/json-patch.js'
import { mergePatch } from '../api/merge/merge-patch.js'
import { strategicMergePatch } from '../api/merge/strategic-merge-patch.js'
import type { Json, KubeObject } from '../api/object.js'
import { unsupportedMediaType } from '../api/status.js'
import type { WireType } from '../api/wire-types.js'
import { shapeChecked } from './decoding.js'
import type { Decoded } from './decoding.js'
import { parseMediaType } from './negotiation.js'
import { asJson } from './object-fields.js'
import type { FieldValidation } from './query-options.js'

export type PatchType = 'json' | 'merge' | 'strategic'

const types: ReadonlyMap<string, PatchType> = new Map([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
])

/** Throws ApiError UnsupportedMediaType. */
export function patchTypeOf(contentType: string): PatchType {
  const type = types.get(parseMediaType(contentType).type)
  if (type === undefined) throw unsupportedMediaType([...types.keys()])
  return type
}

/** Throws ApiError: BadRequest for a patch that is none, Invalid for one that does not apply. */
export function applyPatch(
  type: WireType,
  current: KubeObject,
  patchType: PatchType,
  body: Uint8Array,
  validation: FieldValidation,
): Decoded {
  const { value: patch, duplicateFields } = parseBody(body, 'application/json')
  const patched = patchedJson(type, current, patchType, patch)
  return shapeChecked(type, patched, duplicateFields, validation)
}

function patchedJson(type: WireType, current: KubeObject, patchType: PatchType, patch: Json): Json {
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
