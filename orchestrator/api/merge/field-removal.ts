// An object without some of its fields. Counterpart: typed.RemoveItems. A container that has nothing
// left goes as well.

import type { Json, JsonObject } from '../object.js'
import { put } from '../record.js'
import type { ListSchema, StructSchema, TypeSchema } from '../schema.js'
import { below, has } from './field-set.js'
import type { FieldSet } from './field-set.js'
import { fieldType, isGranularList, isGranularRecord, listOf, recordOf } from './granularity.js'
import { fieldElement, itemElement } from './path-element.js'

export function removeFields(schema: StructSchema, object: JsonObject, gone: FieldSet): JsonObject {
  return recordOf(removed(object, gone, schema))
}

function removed(value: Json, gone: FieldSet, type: TypeSchema): Json | undefined {
  if (isGranularList(type)) return withoutItems(listOf(value), gone, type)
  if (isGranularRecord(type, value)) return withoutKeys(recordOf(value), gone, type)
  return value
}

function withoutKeys(record: JsonObject, gone: FieldSet, type: TypeSchema): Json | undefined {
  const result: { [key: string]: Json } = {}
  for (const [key, inner] of Object.entries(record)) {
    const element = fieldElement(key)
    if (inner === undefined || has(gone, [element])) continue
    const left = leftOf(inner, below(gone, element), fieldType(type, key))
    if (left !== undefined) put(result, key, left)
  }
  return Object.keys(result).length === 0 ? undefined : result
}

function withoutItems(items: readonly Json[], gone: FieldSet, type: ListSchema): Json | undefined {
  const result: Json[] = []
  for (const item of items) {
    const element = itemElement(type, item)
    if (element !== null && has(gone, [element])) continue
    const left = leftOf(item, element === null ? undefined : below(gone, element), type.items)
    if (left !== undefined) result.push(left)
  }
  return result.length === 0 ? undefined : result
}

function leftOf(
  value: Json,
  gone: FieldSet | undefined,
  type: TypeSchema | null,
): Json | undefined {
  return gone === undefined || type === null ? value : removed(value, gone, type)
}
