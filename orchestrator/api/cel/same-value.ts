// Whether two CEL values are equal: numbers by value, lists and maps by content.
// Counterpart: the runtime equality of the CEL specification.

export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isNumber(a) && isNumber(b)) return sameNumber(a, b)
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, at) => sameValue(one, b[at]))
  }
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  const left = mapOf(a)
  const right = mapOf(b)
  if (left === null || right === null || left.size !== right.size) return false
  return [...left].every(([key, value]) => right.has(key) && sameValue(value, right.get(key)))
}

/** An int is a bigint and a double a number; they are equal where the double is that integer. */
function sameNumber(a: number | bigint, b: number | bigint): boolean {
  if (typeof a === 'number') return typeof b === 'number' ? a === b : sameNumber(b, a)
  if (typeof b === 'bigint') return a === b
  return Number.isInteger(b) && BigInt(b) === a
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function mapOf(value: unknown): ReadonlyMap<unknown, unknown> | null {
  if (value instanceof Map) return value
  if (typeof value !== 'object' || value === null) return null
  if (Object.getPrototypeOf(value) !== Object.prototype) return null
  return new Map(Object.entries(value))
}
