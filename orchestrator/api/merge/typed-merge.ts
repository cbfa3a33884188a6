// A configuration merged into the live object by its schema. Counterpart: typed.Merge. Nothing is
// removed here, but what the configuration sets to null; that null stays in the result, for whoever
// compares must see it.

import type { Json, JsonObject } from '../object.js'
import { own, put } from '../record.js'
import type { ListSchema, StructSchema, TypeSchema } from '../schema.js'
import { fieldType, isGranularList, isGranularRecord, listOf, recordOf } from './granularity.js'
import { itemElement } from './path-element.js'
import type { PathElement } from './path-element.js'

/** Both fit `schema`; keyed lists and sets of `config` hold nothing twice. */
export function mergeTyped(schema: StructSchema, live: JsonObject, config: JsonObject): JsonObject {
  return recordOf(merge(live, config, schema))
}

function merge(live: Json | undefined, config: Json | undefined, type: TypeSchema): Json {
  if (config === undefined) return live ?? null
  if (live === undefined) return config
  if (isGranularList(type)) return mergeLists(live, config, type)
  if (isGranularRecord(type, live, config)) return mergeRecords(live, config, type)
  return config
}

/** An empty side says nothing about the other one's fields. */
function mergeRecords(live: Json, config: Json, type: TypeSchema): Json {
  const before = recordOf(live)
  const wanted = recordOf(config)
  const result: { [key: string]: Json } = {}
  for (const [key, inner] of Object.entries(before)) {
    if (inner === undefined) continue
    const innerType = fieldType(type, key)
    put(result, key, innerType === null ? inner : merge(inner, own(wanted, key), innerType))
  }
  for (const [key, inner] of Object.entries(wanted)) {
    if (inner !== undefined && !Object.hasOwn(before, key)) put(result, key, inner)
  }
  return Object.keys(result).length === 0 ? config : result
}

/**
 * What only the live list has keeps its place before what follows it there; what both have comes in
 * the order of the configuration.
 */
function mergeLists(live: Json, config: Json, type: ListSchema): Json {
  const wanted = listOf(config).map(item => ({ item, element: itemElement(type, item) }))
  const places = new Map(wanted.map(({ element }, index) => [element, index]))
  const current = listOf(live).map(item => ({ item, element: itemElement(type, item) }))
  const found = new Map<PathElement | null, Json | undefined>()
  // Duplicates of the live list give way to the one wanted element as a whole.
  for (const { item, element } of current) {
    found.set(element, found.has(element) ? undefined : item)
  }
  const shared = wanted.flatMap(({ element }, index) => (found.has(element) ? [index] : []))
  const result: Json[] = []
  let next = 0
  const takeUpTo = (end: number): void => {
    for (; next < end; next++) {
      const { item = null, element = null } = wanted[next] ?? {}
      result.push(merge(found.get(element), item, type.items))
    }
  }
  let awaited = 0
  for (const { item, element } of current) {
    const place = places.get(element)
    if (place === undefined) {
      result.push(item)
    } else if (place === shared[awaited]) {
      takeUpTo(place + 1)
      awaited += 1
    }
  }
  takeUpTo(wanted.length)
  return result.length === 0 ? config : result
}
