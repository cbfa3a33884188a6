// Equality and identity of JSON values, as the API sees them: key order does not count, and an
// absent field, null and an empty list are the same thing. Counterpart: apiequality.Semantic.

import { sameJson as sameValues } from '../api/equality.js'
import type { Json } from '../api/object.js'

/** One text for all equal values. */
export function canonicalJson(value: unknown): string {
  return render(value as Json | undefined) ?? 'null'
}

function render(value: Json | undefined): string | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) {
    const items = value as readonly Json[]
    return items.length === 0 ? undefined : `[${items.map(i => render(i) ?? 'null').join(',')}]`
  }
  const fields: string[] = []
  for (const [name, field] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = render(field)
    if (text !== undefined) fields.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${fields.join(',')}}`
}

export function sameJson(a: unknown, b: unknown): boolean {
  // Most that is compared is equal to the letter, and nothing is made to see that.
  return sameValues(a, b) || canonicalJson(a) === canonicalJson(b)
}
