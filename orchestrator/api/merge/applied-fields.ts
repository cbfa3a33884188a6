// The fields that a configuration speaks of: what its applier owns. Counterpart: typed.ToFieldSet.
// Containers are not owned for what is in them, only when they are empty, so that two appliers of
// one map meet only in the keys that both write.

import type { Json } from '../object.js'
import { isJsonObject } from '../record.js'
import type { ListSchema, TypeSchema } from '../schema.js'
import { isEmpty, leaf, nodeOf } from './field-set.js'
import type { BuildingSet, FieldSet } from './field-set.js'
import { fieldType, isGranularList, isGranularRecord, listOf, recordOf } from './granularity.js'
import { fieldElement, itemElement } from './path-element.js'

/** `value` fits `type`; fields that the schema does not know belong to nobody. */
export function appliedFields(value: Json, type: TypeSchema): FieldSet {
  return isOwnedWhole(value, type) ? leaf : contentOf(value, type)
}

function isOwnedWhole(value: Json, type: TypeSchema): boolean {
  return !isGranularList(type) && !isGranularRecord(type, value)
}

function contentOf(value: Json, type: TypeSchema): BuildingSet {
  if (isGranularList(type)) return itemsOf(listOf(value), type)
  const result: BuildingSet = {}
  for (const [key, inner] of Object.entries(recordOf(value))) {
    const innerType = fieldType(type, key)
    if (innerType === null || inner === undefined) continue
    const node = fieldNode(inner, innerType, type.type !== 'struct')
    if (node !== undefined) result[fieldElement(key)] = node
  }
  return result
}

/** Entries of maps and empty objects are paths themselves, as nothing below them might be. */
function fieldNode(value: Json, type: TypeSchema, entry: boolean): FieldSet | undefined {
  if (isOwnedWhole(value, type)) return leaf
  const empty = value === null || (isJsonObject(value) && isEmpty(value as object as FieldSet))
  return nodeOf(entry || empty, contentOf(value, type))
}

function itemsOf(items: readonly Json[], type: ListSchema): BuildingSet {
  const result: BuildingSet = {}
  for (const item of items) {
    const element = itemElement(type, item)
    if (element === null) continue
    // What stands there twice is owned whole.
    const twice = Object.hasOwn(result, element)
    result[element] = twice
      ? leaf
      : (nodeOf(true, isOwnedWhole(item, type.items) ? {} : contentOf(item, type.items)) ?? leaf)
  }
  return result
}
