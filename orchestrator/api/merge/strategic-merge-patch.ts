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
  return mergeObjects(original, patch, schema) ?? {}
}

/** null when the patch deletes the object itself. */
function mergeObjects(
  original: JsonObject,
  patch: JsonObject,
  type: TypeSchema | null,
): JsonObject | null {
  const directive = own(patch, patchDirective)
  if (directive === 'replace') return withoutDirectives(patch)
  if (directive === 'delete') return null
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
  const merged = mergeObjects(isJsonObject(before) ? before : {}, value, innerType(type, name))
  if (merged === null) delete result[name]
  else put(result, name, merged)
}

function itemsType(type: TypeSchema | null): TypeSchema | null {
  return type?.type === 'list' ? type.items : null
}

function listOf(value: Json | undefined, directive: string): List | null {
  if (value === undefined) return null
  if (!isList(value)) throw badRequest(`${directive} must be a list`)
  return value
}

/** Lists of plain values merge as sets: new ones come last unless an order is given. */
function mergeSets(current: List, added: List, deleted: List, order: List | null): List {
  const gone = new Set(deleted)
  const merged = [...new Set([...current.filter(item => !gone.has(item)), ...added])]
  if (order === null) return merged
  return inOrder(merged, order, item => item)
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

/** Lists of objects merge element by element, told apart by the merge key. */
function mergeKeyed(
  current: List,
  patches: List,
  order: List | null,
  mergeKey: string,
  type: TypeSchema | null,
): List {
  const replaces = patches.some(
    item =>
      isJsonObject(item) &&
      own(item, patchDirective) === 'replace' &&
      !Object.hasOwn(item, mergeKey),
  )
  const slots: (Json | undefined)[] = replaces ? [] : [...current]
  // Where elements with a key stand. Stored elements may lack the key; they never match.
  const places = new Map<Json, number[]>()
  const remember = (key: Json | undefined, index: number): void => {
    if (key !== undefined) places.set(key, [...(places.get(key) ?? []), index])
  }
  for (const [index, item] of slots.entries()) {
    if (isJsonObject(item)) remember(own(item, mergeKey), index)
  }
  for (const patch of patches) {
    if (!isJsonObject(patch))
      throw badRequest('a list of objects cannot be patched with plain values')
    const directive = own(patch, patchDirective)
    if (directive === 'replace' && !Object.hasOwn(patch, mergeKey)) continue
    const key = keyOf(patch, mergeKey)
    const [index, ...others] = places.get(key) ?? []
    if (directive === 'delete') {
      for (const gone of index === undefined ? [] : [index, ...others]) slots[gone] = undefined
      places.delete(key)
      continue
    }
    const before = index === undefined ? undefined : slots[index]
    const element = mergeObjects(isJsonObject(before) ? before : {}, patch, type)
    if (element === null) continue
    if (index === undefined) remember(key, slots.push(element) - 1)
    else slots[index] = element
  }
  const merged = slots.filter(item => item !== undefined)
  if (order === null) return merged
  const keys = order.map(item => keyOf(item, mergeKey))
  return inOrder(merged, keys, item => (isJsonObject(item) ? (own(item, mergeKey) ?? null) : null))
}

/**
 * Sorts `items` as `order` names them. Those that it does not name, which only the server has, keep
 * their place: each stays behind the item that it stood behind.
 */
function inOrder(items: List, order: List, keyOfItem: (item: Json) => Json): List {
  const rank = new Map(order.map((key, index) => [key, index]))
  const named = items
    .filter(item => rank.has(keyOfItem(item)))
    .toSorted((a, b) => (rank.get(keyOfItem(a)) ?? 0) - (rank.get(keyOfItem(b)) ?? 0))
  const serverOnly: { readonly item: Json; readonly before: number }[] = []
  let seen = 0
  for (const item of items) {
    if (rank.has(keyOfItem(item))) seen += 1
    else serverOnly.push({ item, before: seen })
  }
  const result: Json[] = []
  let next = 0
  for (let index = 0; index <= named.length; index++) {
    while (serverOnly[next]?.before === index) result.push(serverOnly[next++]?.item ?? null)
    const item = named[index]
    if (item !== undefined) result.push(item)
  }
  return result
}

/** What a patch adds anew: its content, with the directives in it followed or dropped. */
function cleaned(value: Json): Json {
  if (isList(value)) {
    return value
      .filter(item => !(isJsonObject(item) && isDeletion(item)))
      .filter(item => !(isJsonObject(item) && isBareReplace(item)))
      .map(cleaned)
  }
  return isJsonObject(value) ? withoutDirectives(value) : value
}

function isDeletion(item: JsonObject): boolean {
  return own(item, patchDirective) === 'delete'
}

function isBareReplace(item: JsonObject): boolean {
  return own(item, patchDirective) === 'replace' && Object.keys(item).length === 1
}

function withoutDirectives(object: JsonObject): JsonObject {
  const result: Building = {}
  for (const [key, value] of Object.entries(object)) {
    if (isDirective(key) || value === undefined || value === null) continue
    put(result, key, cleaned(value))
  }
  return result
}
