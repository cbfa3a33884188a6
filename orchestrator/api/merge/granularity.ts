// Down to where fields have owners of their own: structs, maps, sets and keyed lists are owned piece
// by piece, atomic ones and plain values whole. Counterpart: typed/helpers of structured-merge-diff.
// Values without a schema ("raw") are granular by object, and their lists are whole.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import type { FieldSchema, ListSchema, TypeSchema } from '../schema.js'
import type { PathElement } from './path-element.js'

export function isGranularList(type: TypeSchema): type is ListSchema {
  return type.type === 'list' && type.listType !== 'atomic'
}

/** `values`: what stands there; it decides where there is no schema. */
export function isGranularRecord(
  type: TypeSchema,
  ...values: readonly (Json | undefined)[]
): boolean {
  if (type.type === 'struct' || type.type === 'map') return type.mapType === 'granular'
  return type.type === 'raw' && values.every(value => value === undefined || isJsonObject(value))
}

/** The type under a key of a struct, a map or a raw object; null for a field nobody knows. */
export function fieldType(type: TypeSchema, key: string): TypeSchema | null {
  if (type.type === 'struct') return type.fields.get(key)?.type ?? type.others ?? null
  if (type.type === 'map') return type.values
  return type.type === 'raw' ? type : null
}

/** The type of what a step of a path leads to; null where the schema does not know it. */
export function typeBelow(type: TypeSchema | null, element: PathElement): TypeSchema | null {
  if (type === null) return null
  return type.type === 'list' ? type.items : fieldType(type, element.slice(2))
}

const emptyRecord: JsonObject = {}
const emptyList: readonly Json[] = []

/**
 * What an absent field of a struct that is there amounts to. Upstream's structs are never absent
 * unless they are pointers, and what is always written is there with its empty value.
 */
export function absentValue({ type, presence }: FieldSchema): Json | undefined {
  if (presence === 'pointer') return undefined
  if (type.type === 'struct') return emptyRecord
  if (presence !== 'always') return undefined
  if (type.type === 'map') return emptyRecord
  return type.type === 'list' ? emptyList : undefined
}

export function recordOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : emptyRecord
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : emptyList
}
