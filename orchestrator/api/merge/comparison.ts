// Which fields a new object adds, changes and removes, by its schema. Counterpart: typed.Compare.
// Runs on every write: what both objects share is passed over, and nothing is made for what is equal.

import type { Json } from '../object.js'
import { own } from '../record.js'
import type { ListSchema, StructSchema, TypeSchema } from '../schema.js'
import { sameJson } from '../equality.js'
import { leaf, nodeOf } from './field-set.js'
import type { BuildingSet, FieldSet } from './field-set.js'
import {
  absentValue,
  fieldType,
  isGranularList,
  isGranularRecord,
  listOf,
  recordOf,
} from './granularity.js'
import { fieldElement, itemElement } from './path-element.js'
import type { PathElement } from './path-element.js'

/** No path is in two of them. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

interface Change {
  readonly added: FieldSet | undefined
  readonly modified: FieldSet | undefined
  readonly removed: FieldSet | undefined
}

const addedLeaf: Change = { added: leaf, modified: undefined, removed: undefined }
const modifiedLeaf: Change = { added: undefined, modified: leaf, removed: undefined }
const removedLeaf: Change = { added: undefined, modified: undefined, removed: leaf }

/** Changes below one path, gathered step by step. */
class Gathered {
  #added: BuildingSet | undefined
  #modified: BuildingSet | undefined
  #removed: BuildingSet | undefined

  put(element: PathElement, change: Change): void {
    if (change.added !== undefined) (this.#added ??= {})[element] = change.added
    if (change.modified !== undefined) (this.#modified ??= {})[element] = change.modified
    if (change.removed !== undefined) (this.#removed ??= {})[element] = change.removed
  }

  change(): Change {
    return { added: this.#added, modified: this.#modified, removed: this.#removed }
  }
}

/** Both objects fit `schema`. */
export function compareObjects(schema: StructSchema, old: Json, current: Json): Comparison {
  const change = compare(old, current, schema)
  return {
    added: change?.added ?? leaf,
    modified: change?.modified ?? leaf,
    removed: change?.removed ?? leaf,
  }
}

function compare(
  old: Json | undefined,
  current: Json | undefined,
  type: TypeSchema,
): Change | null {
  if (old === current) return null
  if (old === undefined) {
    return { added: everything(current ?? null, type), modified: undefined, removed: undefined }
  }
  if (current === undefined) {
    return { added: undefined, modified: undefined, removed: everything(old, type) }
  }
  if (isGranularList(type)) return compareLists(old, current, type)
  if (isGranularRecord(type, old, current)) return compareRecords(old, current, type)
  return sameJson(old, current) ? null : modifiedLeaf
}

function compareRecords(old: Json, current: Json, type: TypeSchema): Change | null {
  const before = recordOf(old)
  const after = recordOf(current)
  let gathered: Gathered | undefined
  for (const key in after) {
    const change = compareFields(before, after, key, type)
    if (change !== null) (gathered ??= new Gathered()).put(fieldElement(key), change)
  }
  for (const key in before) {
    if (Object.hasOwn(after, key)) continue
    const change = compareFields(before, after, key, type)
    if (change !== null) (gathered ??= new Gathered()).put(fieldElement(key), change)
  }
  return gathered?.change() ?? null
}

type Fields = ReturnType<typeof recordOf>

function compareFields(
  before: Fields,
  after: Fields,
  key: string,
  type: TypeSchema,
): Change | null {
  const old = own(before, key)
  const current = own(after, key)
  if (old === current) return null
  if (type.type === 'struct') {
    const field = type.fields.get(key)
    if (field === undefined) return null
    if (old !== undefined && current !== undefined) return compare(old, current, field.type)
    const absent = absentValue(field)
    return compare(old ?? absent, current ?? absent, field.type)
  }
  const inner = fieldType(type, key)
  return inner === null ? null : compare(old, current, inner)
}

/** Elements by what tells them apart; more than one under one of them is a duplicate. */
function indexed(items: readonly Json[], type: ListSchema): Map<PathElement, Json[]> {
  const index = new Map<PathElement, Json[]>()
  for (const item of items) {
    const element = itemElement(type, item)
    if (element === null) continue
    const found = index.get(element)
    if (found === undefined) index.set(element, [item])
    else found.push(item)
  }
  return index
}

function compareLists(old: Json, current: Json, type: ListSchema): Change | null {
  if (sameJson(old, current)) return null
  const before = indexed(listOf(old), type)
  const after = indexed(listOf(current), type)
  let gathered: Gathered | undefined
  for (const [element, items] of before) {
    const change = compareItems(items, after.get(element), type)
    if (change !== null) (gathered ??= new Gathered()).put(element, change)
  }
  for (const [element, items] of after) {
    if (before.has(element)) continue
    const change = compareItems(undefined, items, type)
    if (change !== null) (gathered ??= new Gathered()).put(element, change)
  }
  return gathered?.change() ?? null
}

function compareItems(
  old: readonly Json[] = [],
  current: readonly Json[] = [],
  type: ListSchema,
): Change | null {
  const [before] = old
  const [after] = current
  if (old.length < 2 && current.length < 2) return compare(before, after, type.items)
  // Duplicates are one value under one path, so what was or will be below that path goes or comes.
  if (old.length > 1 && current.length > 1) return sameJson(old, current) ? null : modifiedLeaf
  if (old.length > 1) {
    const added = after === undefined ? undefined : everything(after, type.items)
    return { ...removedLeaf, added }
  }
  return {
    ...addedLeaf,
    removed: before === undefined ? undefined : everything(before, type.items),
  }
}

/** Every path of a value that came or went with all that is in it; containers are paths as well. */
function everything(value: Json, type: TypeSchema): FieldSet {
  return nodeOf(true, contentOf(value, type)) ?? leaf
}

function contentOf(value: Json, type: TypeSchema): BuildingSet {
  const result: BuildingSet = {}
  if (isGranularList(type)) {
    for (const [element, items] of indexed(listOf(value), type)) {
      const [only] = items
      result[element] = items.length > 1 || only === undefined ? leaf : everything(only, type.items)
    }
  } else if (isGranularRecord(type, value)) {
    const record = recordOf(value)
    for (const key in record) {
      const inner = own(record, key)
      const innerType = fieldType(type, key)
      if (inner !== undefined && innerType !== null) {
        result[fieldElement(key)] = everything(inner, innerType)
      }
    }
  }
  return result
}
