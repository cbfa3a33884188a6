// Whether two JSON values say the same. Values are compared as decoding leaves them: what the
// original cannot tell from absence is absent by then, so `{}` here means something (emptyDir: {}).
// Counterpart: apiequality.Semantic.

import type { Json } from './object.js'

/** Key order does not matter, list order does; an absent key and an undefined one are the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item: Json, index) => sameJson(item, b[index]))
  }
  const left = entriesOf(a)
  const right = new Map(entriesOf(b))
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)))
  )
}

function entriesOf(value: object): readonly (readonly [string, Json])[] {
  return Object.entries(value).filter(([, inner]) => inner !== undefined)
}
