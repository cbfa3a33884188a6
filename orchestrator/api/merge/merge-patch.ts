// JSON merge patch (RFC 7386): objects merge, null deletes, everything else replaces.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own, put } from '../record.js'

/** Pure: parts that the patch does not touch are shared with `original`. */
export function mergePatch(original: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return patch
  const base: JsonObject = isJsonObject(original) ? original : {}
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(base)) {
    if (value !== undefined && own(patch, key) !== null) put(result, key, value)
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === null) continue
    put(result, key, mergePatch(own(base, key) ?? null, value))
  }
  return result
}
