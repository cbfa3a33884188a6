// Fills in what a structural schema gives as defaults. A null where none may stand counts as absent:
// it becomes the default, or goes where there is none. Counterpart: apiserver/schema/defaulting.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { furtherOf, isList, itemsOf, propertiesOf, propertyOf } from './schema-parts.js'

/** Shares what it does not change; idempotent. */
export function withSchemaDefaults<T extends Json>(schema: JSONSchemaProps, value: T): T {
  return defaulted(schema, value) as T
}

function defaulted(schema: JSONSchemaProps, value: Json): Json {
  if (isList(value)) {
    const items = itemsOf(schema)
    if (items === null) return value
    const filled = value.map(item =>
      defaulted(items, isStray(item, items) ? fallback(items) : item),
    )
    return filled.every((item, index) => item === value[index]) ? value : filled
  }
  return isJsonObject(value) ? defaultedObject(schema, value) : value
}

function defaultedObject(schema: JSONSchemaProps, value: JsonObject): JsonObject {
  const result: { [key: string]: Json } = {}
  let changed = false
  for (const key of Object.keys(value)) {
    const given = value[key]
    if (given === undefined) continue
    const further = furtherOf(schema)
    const known = propertyOf(schema, key) ?? (further === 'any' ? null : further)
    const kept = known === null ? given : fieldOf(known, given)
    if (kept !== undefined) put(result, key, kept)
    if (kept !== given) changed = true
  }
  for (const [key, property] of propertiesOf(schema)) {
    if (property.default === undefined || Object.hasOwn(result, key)) continue
    put(result, key, defaulted(property, property.default))
    changed = true
  }
  return changed ? result : value
}

function fieldOf(schema: JSONSchemaProps, value: Json): Json | undefined {
  if (!isStray(value, schema)) return defaulted(schema, value)
  return schema.default === undefined ? undefined : defaulted(schema, schema.default)
}

function isStray(value: Json, schema: JSONSchemaProps): boolean {
  return value === null && schema.nullable !== true
}

function fallback(schema: JSONSchemaProps): Json {
  return schema.default ?? null
}
