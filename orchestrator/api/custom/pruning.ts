// Drops what a structural schema does not name, and tells what that was. Counterpart:
// apiserver/schema/pruning and the coercion of metadata in schema/objectmeta.

import { checkStruct, findingsMax } from '../decode/shape.js'
import type { CheckedShape, FieldError } from '../kind.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import { objectMeta } from '../schema/meta.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { typeInvalid } from '../validation/field-errors.js'
import {
  childPath,
  commonFields,
  furtherOf,
  isEmbedded,
  isList,
  itemsOf,
  preservesUnknown,
  propertyOf,
} from './schema-parts.js'

class Pruner {
  readonly unknownFields: string[] = []
  readonly typeErrors: FieldError[] = []

  /** `schema` null: nothing is known of the value. Shares what it does not change. */
  value(value: Json, schema: JSONSchemaProps | null, path: string): Json {
    if (isList(value)) {
      const items = schema === null ? null : itemsOf(schema)
      const keep = items === null && schema !== null && preservesUnknown(schema)
      if (keep) return value
      const pruned = value.map((item, index) => this.value(item, items, `${path}[${index}]`))
      return pruned.every((item, index) => item === value[index]) ? value : pruned
    }
    if (!isJsonObject(value)) return value
    return this.object(value, schema, path, schema !== null && isEmbedded(schema))
  }

  object(
    value: JsonObject,
    schema: JSONSchemaProps | null,
    path: string,
    isResource: boolean,
  ): JsonObject {
    const result: { [key: string]: Json } = {}
    let changed = false
    for (const key of Object.keys(value)) {
      const inner = value[key]
      if (inner === undefined) continue
      const at = childPath(path, key)
      const kept =
        isResource && commonFields.has(key)
          ? this.#common(key, inner, at)
          : this.#field(key, inner, schema, at)
      if (kept !== undefined) put(result, key, kept)
      if (kept !== inner) changed = true
    }
    return changed ? result : value
  }

  #field(key: string, value: Json, schema: JSONSchemaProps | null, path: string): Json | undefined {
    const named = schema === null ? undefined : propertyOf(schema, key)
    if (named !== undefined) return this.value(value, named, path)
    const further = schema === null ? null : furtherOf(schema)
    if (further === 'any') return value
    if (further !== null) return this.value(value, further, path)
    if (schema !== null && preservesUnknown(schema)) return value
    if (this.unknownFields.length < findingsMax) this.unknownFields.push(path)
    return undefined
  }

  /** Metadata is the same for all kinds. */
  #common(key: string, value: Json, path: string): Json {
    if (key !== 'metadata' || value === null) return value
    const { object, unknownFields, typeErrors } = checkStruct(objectMeta, value)
    for (const unknown of unknownFields) {
      if (this.unknownFields.length < findingsMax) this.unknownFields.push(`${path}.${unknown}`)
    }
    for (const error of typeErrors) {
      const field = childPath(path, error.field)
      if (this.typeErrors.length < findingsMax) {
        this.typeErrors.push(typeInvalid(field, error.message))
      }
    }
    return object
  }
}

/** An object of a custom kind, held against its schema. */
export function prunedObject(schema: JSONSchemaProps, value: Json): CheckedShape {
  const pruner = new Pruner()
  const object = isJsonObject(value) ? pruner.object(value, schema, '', true) : {}
  const { unknownFields, typeErrors } = pruner
  return { object, unknownFields, typeErrors }
}

/** A value within an object, such as a default: the same value when there is nothing to drop. */
export function prunedValue(schema: JSONSchemaProps, value: Json): Json {
  return new Pruner().value(value, schema, '')
}
