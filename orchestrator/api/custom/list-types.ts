// No two alike in a list of type set, no two with the same keys in one of type map; and what an
// embedded object must say of itself. Counterpart: apiserver/schema/{listtype,objectmeta}.

import { findingsMax } from '../decode/shape.js'
import type { FieldError } from '../kind.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { duplicate, required } from '../validation/field-errors.js'
import {
  childPath,
  furtherOf,
  isEmbedded,
  isList,
  itemsOf,
  listKey,
  propertyOf,
} from './schema-parts.js'

export function validateListTypes(
  schema: JSONSchemaProps,
  value: Json,
  path: string,
): readonly FieldError[] {
  const errors: FieldError[] = []
  walk(schema, value, path, errors, path === '')
  return errors.slice(0, findingsMax)
}

function walk(
  schema: JSONSchemaProps,
  value: Json,
  path: string,
  errors: FieldError[],
  isRoot: boolean,
): void {
  if (isList(value)) {
    errors.push(...duplicates(schema, value, path))
    const items = itemsOf(schema)
    if (items === null) return
    for (const [index, item] of value.entries()) {
      walk(items, item, `${path}[${index}]`, errors, false)
    }
  } else if (isJsonObject(value)) {
    if (isEmbedded(schema) && !isRoot) errors.push(...embedded(value, path))
    const further = furtherOf(schema)
    for (const [name, inner] of Object.entries(value)) {
      const known = propertyOf(schema, name) ?? (further === 'any' ? null : further)
      if (known !== null && inner !== undefined) {
        walk(known, inner, childPath(path, name), errors, false)
      }
    }
  }
}

function duplicates(
  schema: JSONSchemaProps,
  value: readonly Json[],
  path: string,
): readonly FieldError[] {
  const type = schema['x-kubernetes-list-type']
  if (type !== 'set' && type !== 'map') return []
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const seen = new Set<string>()
  return value.flatMap((item, index) => {
    const identity = type === 'map' && isJsonObject(item) ? listKey(item, keys) : item
    const text = canonical(identity)
    if (!seen.has(text)) {
      seen.add(text)
      return []
    }
    return [duplicate(`${path}[${index}]`, identity)]
  })
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_, inner: Json) =>
    isJsonObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function embedded(value: JsonObject, path: string): readonly FieldError[] {
  return ['apiVersion', 'kind'].flatMap(name => {
    const given = value[name]
    if (typeof given === 'string' && given !== '') return []
    return [required(childPath(path, name), 'must not be empty')]
  })
}
