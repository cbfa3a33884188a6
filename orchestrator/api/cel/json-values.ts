// JSON as CEL sees it where no schema says more, and back. Counterpart: the conversion of unstructured
// objects in k8s.io/apiserver, and cel-go's ConvertToNative to JSON.

import { Optional } from '@marcbachmann/cel-js'
import { encodeBase64 } from '../base64.js'
import type { Json } from '../object.js'
import { isJsonObject, put } from '../record.js'
import { CelError } from './cel-error.js'
import { MessageValue } from './library/messages.js'

/** Whole numbers are ints, others doubles. */
export function celOfJson(value: Json | undefined): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(celOfJson)
  if (!isJsonObject(value)) return value ?? null
  const result = new Map<string, unknown>()
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== undefined) result.set(name, celOfJson(inner))
  }
  return result
}

/** Throws CelError for what JSON does not have. */
export function jsonOfCel(value: unknown): Json {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value === 'object') return jsonOfObject(value)
  throw new CelError('runtime', `unsupported value of type ${typeof value}`)
}

function jsonOfObject(value: object): Json {
  if (Array.isArray(value)) return value.map(jsonOfCel)
  if (value instanceof MessageValue) return record(value.fields)
  if (value instanceof Map) return record(value)
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z')
  if (value instanceof Optional) return value.hasValue() ? jsonOfCel(value.value()) : null
  if (value instanceof Uint8Array) return encodeBase64(value)
  if (Object.getPrototypeOf(value) === Object.prototype)
    return record(new Map(Object.entries(value)))
  throw new CelError('runtime', 'the value cannot be written as JSON')
}

function record(fields: ReadonlyMap<unknown, unknown>): Json {
  const result: { [key: string]: Json } = {}
  for (const [name, inner] of fields) put(result, String(name), jsonOfCel(inner))
  return result
}

/** A map whose values are made when they are asked for; undefined for those it does not have. */
export function lazyMap(value: (name: string) => unknown): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>()
  const known = new Map<string, unknown>()
  // The library asks an ordinary Map, and no subclass of it.
  map.get = name => {
    if (!known.has(name)) known.set(name, value(name))
    return known.get(name)
  }
  return map
}
