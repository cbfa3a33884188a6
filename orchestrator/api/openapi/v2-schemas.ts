// Walking through the schemas of an OpenAPI v2 document: to look at each of them, and to make others of them
// with other references. Knows where schemas stand, for a field may be called "$ref" or "items". Pure.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'

export const definitionPrefix = '#/definitions/'
export const methods: ReadonlySet<string> = new Set([
  'get',
  'put',
  'post',
  'delete',
  'options',
  'head',
  'patch',
])

const depthMax = 64

/** Changes a schema without the schemas in it, which are changed before it. */
export type SchemaChange = (schema: JsonObject) => JsonObject

/** Throws Error where schemas stand in each other without an end to speak of. */
export function changedSchema(schema: JsonObject, change: SchemaChange, depth = 0): JsonObject {
  if (depth > depthMax) throw new Error('its schemas are nested too deep')
  const inner = (value: Json) =>
    isJsonObject(value) ? changedSchema(value, change, depth + 1) : value
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(schema)) {
    if (value === undefined) continue
    put(result, key, changedPart(key, value, inner))
  }
  return change(result)
}

function changedPart(key: string, value: Json, inner: (value: Json) => Json): Json {
  switch (key) {
    case 'items':
    case 'additionalProperties':
    case 'not':
      return Array.isArray(value) ? value.map(inner) : inner(value)
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return Array.isArray(value) ? value.map(inner) : value
    case 'properties':
      return isJsonObject(value) ? mapped(value, inner) : value
    default:
      return value
  }
}

/** The same with each value changed. */
export function mapped(object: JsonObject, change: (value: Json, key: string) => Json): JsonObject {
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) put(result, key, change(value, key))
  }
  return result
}

/** A path with the schemas in it changed. */
export function changedPath(item: JsonObject, change: SchemaChange): JsonObject {
  return mapped(item, (value, key) => {
    if (key === 'parameters') return changedParameters(value, change)
    if (!methods.has(key) || !isJsonObject(value)) return value
    return mapped(value, (part, name) => {
      if (name === 'parameters') return changedParameters(part, change)
      if (name !== 'responses' || !isJsonObject(part)) return part
      return mapped(part, response => withSchema(response, change))
    })
  })
}

function changedParameters(value: Json, change: SchemaChange): Json {
  return Array.isArray(value)
    ? (value as readonly Json[]).map(parameter => withSchema(parameter, change))
    : value
}

function withSchema(value: Json, change: SchemaChange): Json {
  if (!isJsonObject(value) || !isJsonObject(value['schema'])) return value
  return { ...value, schema: changedSchema(value['schema'], change) }
}

/** The name of the definition that a schema refers to; null where it refers to none. */
export function referenceOf({ $ref }: JsonObject): string | null {
  if (typeof $ref !== 'string') return null
  return $ref.startsWith(definitionPrefix) ? $ref.slice(definitionPrefix.length) : ''
}
