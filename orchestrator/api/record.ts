// Writing to plain objects under keys that users choose. Assigning to `__proto__` would change what
// the object inherits; here every key becomes an own, ordinary field, as JSON.parse does it.

import type { Json, JsonObject } from './object.js'

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function put<T>(record: { [key: string]: T }, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(record, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  } else {
    record[key] = value
  }
}

/** The own field, never what Object.prototype has under that name. */
export function own<T>(record: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
