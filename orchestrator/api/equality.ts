// Whether two JSON values say the same. Values are compared as decoding leaves them: what the
// original cannot tell from absence is absent by then, so `{}` here means something (emptyDir: {}).
// Counterpart: apiequality.Semantic.

import type { Json, JsonObject } from './object.js'

/** Key order does not matter, list order does; an absent key and an undefined one are the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item: Json, index) => sameJson(item, b[index]))
  }
  const left = a as JsonObject
  const right = b as JsonObject
  // Runs on every write, so nothing is made here.
  let surplus = 0
  for (const key in left) {
    const value = left[key]
    if (value === undefined) continue
    if (!Object.hasOwn(right, key) || !sameJson(value, right[key])) return false
    surplus += 1
  }
  for (const key in right) if (right[key] !== undefined) surplus -= 1
  return surplus === 0
}
