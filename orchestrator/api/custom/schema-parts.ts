// The parts of a structural schema, one way of reaching each: what stands under a name, what all items
// are, what every further field is. The schema is the JSON of the definition itself; structural rules
// make sure that it says of every field what it is. Counterpart: apiserver/schema/structural.go.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own } from '../record.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'

export function propertyOf(schema: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  return schema.properties === undefined ? undefined : own(schema.properties, name)
}

export function propertiesOf(
  schema: JSONSchemaProps,
): readonly (readonly [string, JSONSchemaProps])[] {
  return Object.entries(schema.properties ?? {})
}

/** Null where items are not described. */
export function itemsOf({ items }: JSONSchemaProps): JSONSchemaProps | null {
  return items === undefined || Array.isArray(items) ? null : (items as JSONSchemaProps)
}

/** What fields without a name of their own are; 'any' where they may be anything, null for none. */
export function furtherOf({
  additionalProperties,
}: JSONSchemaProps): JSONSchemaProps | 'any' | null {
  if (additionalProperties === undefined || additionalProperties === false) return null
  return additionalProperties === true ? 'any' : additionalProperties
}

export function preservesUnknown(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true
}

export function isEmbedded(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-embedded-resource'] === true
}

export function isIntOrString(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-int-or-string'] === true
}

/** What every object has, whether its schema says so or not. */
export const commonFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** The values under the keys of a list of type map. */
export function listKey(item: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.map(key => [key, own(item, key) ?? null]))
}

/** As in `spec.list[0].name`. */
export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Finds the item that a new one of a list of type map replaces; undefined for all others. */
export function itemsBefore(
  schema: JSONSchemaProps,
  old: Json | undefined,
): (item: Json) => Json | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || old === undefined || !isList(old)) {
    return () => undefined
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const keyOf = (item: Json) =>
    isJsonObject(item) ? JSON.stringify(listKey(item, keys)) : undefined
  const before = new Map(old.map(item => [keyOf(item), item]))
  return item => {
    const key = keyOf(item)
    return key === undefined ? undefined : before.get(key)
  }
}
