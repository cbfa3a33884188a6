// Semantic equality of JSON values: order of keys does not matter, an absent key and an undefined
// one are the same. Counterpart: apiequality.Semantic. Pure.

import type { Json, JsonObject } from '../api/object.js'

export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((value: Json, index) => sameJson(value, b[index] as Json))
  }
  const left = a as JsonObject
  const right = b as JsonObject
  const keys = Object.keys(left).filter(key => left[key] !== undefined)
  if (keys.length !== Object.keys(right).filter(key => right[key] !== undefined).length)
    return false
  return keys.every(key => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
}
