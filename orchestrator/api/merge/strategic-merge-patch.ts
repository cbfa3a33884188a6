// Strategic merge patch: a merge patch that knows from the schema which lists merge, and by what key.
// Counterpart: util/strategicpatch of k8s.io/apimachinery. Directives: $patch (replace, delete, merge),
// $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own, put } from '../record.js'
import type { FieldSchema, StructSchema, TypeSchema } from '../schema.js'
import { badRequest } from '../status.js'

const patchDirective = '$patch'
const retainKeysDirective = '$retainKeys'
const orderPrefix = '$setElementOrder/'
const deletePrefix = '$deleteFromPrimitiveList/'

type Building = { [key: string]: Json }
type List = readonly Json[]

function isList(value: Json | undefined): value is List {
  return Array.isArray(value)
}

function isDirective(key: string): boolean {
  return (
    key === patchDirective ||
    key === retainKeysDirective ||
    key.startsWith(orderPrefix) ||
    key.startsWith(deletePrefix)
  )
}

/**
 * `original` with `patch` merged in, as `schema` says. Pure; parts that the patch does not touch are
 * shared. Fields that the schema does not know merge as in a JSON merge patch.
 * @throws ApiError BadRequest for a malformed patch
 */
export function strategicMergePatch(
  schema: StructSchema,
  original: JsonObject,
  patch: Json,
): JsonObject {
  if (!isJsonObject(patch)) throw badRequest('a strategic merge patch must be an object')
  return mergeObjects(original, patch, schema)
}

/** An object that the patch deletes is there still, but empty: so the original does it. */
function mergeObjects(
  original: JsonObject,
  patch: JsonObject,
  type: TypeSchema | null,
): JsonObject {
  const directive = own(patch, patchDirective)
  if (directive === 'replace') return withoutDirectives(patch)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unknown $patch directive ${JSON.stringify(directive)}`)
  }
  const result: Building = {}
  for (const [key, value] of Object.entries(retained(original, patch))) {
    if (value !== undefined) put(result, key, value)
  }
  for (const key of namesOf(patch)) mergeField(result, key, patch, type)
  return result
}

/** The fields that a patch speaks of, also where only a directive beside them does. */
function namesOf(patch: JsonObject): ReadonlySet<string> {
  const names = new Set<string>()
  for (const key of Object.keys(patch)) {
    if (!isDirective(key)) names.add(key)
    else if (key.startsWith(orderPrefix)) names.add(key.slice(orderPrefix.length))
    else if (key.startsWith(deletePrefix)) names.add(key.slice(deletePrefix.length))
  }
  return names
}

function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const keys = own(patch, retainKeysDirective)
  if (keys === undefined) return original
  if (!isList(keys) || !keys.every(key => typeof key === 'string')) {
    throw badRequest('$retainKeys must be a list of field names')
  }
  const kept = new Set<Json>(keys)
  for (const key of Object.keys(patch)) {
    if (!isDirective(key) && patch[key] !== null && !kept.has(key)) {
      throw badRequest(`the field ${key} of the patch is not among its $retainKeys`)
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => kept.has(key)))
}

function fieldOf(type: TypeSchema | null, name: string): FieldSchema | null {
  return type?.type === 'struct' ? (type.fields.get(name) ?? null) : null
}

/** The type of what stands under `name`: a field of a struct, or any value of a map. */
function innerType(type: TypeSchema | null, name: string): TypeSchema | null {
  return type?.type === 'map' ? type.values : (fieldOf(type, name)?.type ?? null)
}

function mergeField(
  result: Building,
  name: string,
  patch: JsonObject,
  type: TypeSchema | null,
): void {
  const value = own(patch, name)
  if (value === null) {
    delete result[name]
    return
  }
  const before = own(result, name)
  const strategy = fieldOf(type, name)?.patch
  const order = listOf(own(patch, `${orderPrefix}${name}`), '$setElementOrder')
  const deletions = listOf(own(patch, `${deletePrefix}${name}`), '$deleteFromPrimitiveList')
  if (isList(value) || order !== null || deletions !== null) {
    const merges = strategy?.merge === true
    const current = isList(before) ? before : []
    if (value !== undefined && !isList(value)) {
      throw badRequest(`the field ${name} of the patch must be a list`)
    }
    if (!merges) {
      if (value !== undefined) put(result, name, cleaned(value))
      return
    }
    const items = itemsType(innerType(type, name))
    const merged =
      strategy.mergeKey === null
        ? mergeSets(current, value ?? [], deletions ?? [], order)
        : mergeKeyed(current, value ?? [], order, strategy.mergeKey, items)
    put(result, name, merged)
    return
  }
  if (value === undefined) return
  if (!isJsonObject(value)) {
    put(result, name, value)
    return
  }
  const there = isJsonObject(before)
  if (!there && isDeletion(value)) delete result[name]
  else put(result, name, mergeObjects(there ? before : {}, value, innerType(type, name)))
}

function itemsType(type: TypeSchema | null): TypeSchema | null {
  return type?.type === 'list' ? type.items : null
}

function listOf(value: Json | undefined, directive: string): List | null {
  if (value === undefined) return null
  if (!isList(value)) throw badRequest(`${directive} must be a list`)
  return value
}

/** Lists of plain values merge as sets. */
function mergeSets(current: List, added: List, deleted: List, order: List | null): List {
  const gone = new Set(deleted)
  const left = current.filter(item => !gone.has(item))
  const merged = [...new Set([...left, ...added])]
  return inOrder(merged, order ?? added, left, item => item)
}

function keyOf(item: Json, mergeKey: string): Json {
  const key = isJsonObject(item) ? own(item, mergeKey) : undefined
  if (key === undefined) {
    throw badRequest(
      `map: ${JSON.stringify(item).slice(0, 200)} does not contain declared merge key: ${mergeKey}`,
    )
  }
  return key
}

/**
 * Lists of objects merge element by element, told apart by the merge key. Deletions come first, and
 * one element that says "replace" has the list begin anew.
 */
function mergeKeyed(
  current: List,
  patches: List,
  order: List | null,
  mergeKey: string,
  type: TypeSchema | null,
): List {
  const plain: JsonObject[] = []
  const deleted = new Set<Json>()
  let replaces = false
  for (const patch of patches) {
    if (!isJsonObject(patch)) {
      throw badRequest('a list of objects cannot be patched with plain values')
    }
    const directive = own(patch, patchDirective)
    if (directive === 'delete') deleted.add(keyOf(patch, mergeKey))
    else if (directive === 'replace') replaces = true
    else plain.push(patch)
  }
  const keyIn = (item: Json): Json | undefined =>
    isJsonObject(item) ? own(item, mergeKey) : undefined
  const left = replaces ? [] : current.filter(item => !deleted.has(keyIn(item) ?? null))
  const merged = [...left]
  // Where the first element with a key stands. Stored elements may lack the key; they never match.
  const places = new Map<Json, number>()
  for (const [index, item] of left.entries()) {
    const key = keyIn(item)
    if (key !== undefined && !places.has(key)) places.set(key, index)
  }
  for (const patch of plain) {
    const key = keyOf(patch, mergeKey)
    const index = places.get(key) ?? merged.length
    places.set(key, index)
    const before = merged[index]
    merged[index] = mergeObjects(isJsonObject(before) ? before : {}, patch, type)
  }
  const keys = order === null ? plain.map(keyIn) : order.map(item => keyOf(item, mergeKey))
  return inOrder(merged, keys, left.map(keyIn), keyIn)
}

/**
 * Sorts `items` as `order` names them. One that it does not name, which only the server has, comes
 * before the first named one that it stood before in the original.
 */
function inOrder(
  items: List,
  order: readonly (Json | undefined)[],
  original: readonly (Json | undefined)[],
  keyIn: (item: Json) => Json | undefined,
): List {
  const rank = new Map(order.map((key, index) => [key, index]))
  const places = new Map<Json | undefined, number>()
  for (const [index, key] of original.entries()) if (!places.has(key)) places.set(key, index)
  const rankOf = (item: Json) => rank.get(keyIn(item)) ?? 0
  const named = items
    .filter(item => rank.has(keyIn(item)))
    .toSorted((a, b) => rankOf(a) - rankOf(b))
  const others = items.filter(item => !rank.has(keyIn(item)))
  const result: Json[] = []
  let next = 0
  for (const item of named) {
    const place = places.get(keyIn(item)) ?? -1
    for (; next < others.length; next++) {
      const other = others[next] ?? null
      if ((places.get(keyIn(other)) ?? place) >= place) break
      result.push(other)
    }
    result.push(item)
  }
  return [...result, ...others.slice(next)]
}

/** What a patch adds anew: its content, with the directives in it followed or dropped. */
function cleaned(value: Json): Json {
  if (isList(value)) {
    return value
      .filter(item => !(isJsonObject(item) && Object.hasOwn(item, patchDirective)))
      .map(cleaned)
  }
  return isJsonObject(value) ? withoutDirectives(value) : value
}

function isDeletion(item: JsonObject): boolean {
  return own(item, patchDirective) === 'delete'
}

function withoutDirectives(object: JsonObject): JsonObject {
  const result: Building = {}
  for (const [key, value] of Object.entries(object)) {
    if (isDirective(key) || value === undefined || value === null) continue
    put(result, key, cleaned(value))
  }
  return result
}
