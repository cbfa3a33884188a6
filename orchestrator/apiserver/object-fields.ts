// Reading and replacing fields of plain objects whose kind is only known at run time. Pure: every
// change is a new object. Paths are fixed by our own code, never by users.

import type { Json, JsonObject, KubeObject, ObjectMeta } from '../api/object.js'
import { isJsonObject } from '../api/record.js'

export function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject
}

export function asObject(json: JsonObject): KubeObject {
  return json as unknown as KubeObject
}

/** The value at `a.b.c`; undefined where a step is missing. */
export function fieldAt(object: KubeObject | JsonObject, path: string): Json | undefined {
  let value: Json | undefined = object as JsonObject
  for (const step of path.split('.')) {
    if (!isJsonObject(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}

export function textAt(object: KubeObject | JsonObject, path: string): string {
  const value = fieldAt(object, path)
  return typeof value === 'string' ? value : ''
}

export function listAt(object: KubeObject | JsonObject, path: string): readonly Json[] {
  const value = fieldAt(object, path)
  return Array.isArray(value) ? (value as readonly Json[]) : []
}

/** The object with the value at a path replaced; undefined removes it. */
export function withField<T extends KubeObject | JsonObject>(
  object: T,
  path: string,
  value: Json | undefined,
): T {
  return replaced(object as JsonObject, path.split('.'), value) as T
}

function replaced(
  object: JsonObject,
  steps: readonly string[],
  value: Json | undefined,
): JsonObject {
  const [step = '', ...rest] = steps
  if (rest.length === 0) {
    if (value === undefined) {
      const { [step]: _, ...without } = object
      return without
    }
    return { ...object, [step]: value }
  }
  const inner = object[step]
  if (!isJsonObject(inner) && value === undefined) return object
  return { ...object, [step]: replaced(isJsonObject(inner) ? inner : {}, rest, value) }
}

/** With some metadata replaced; an undefined value removes the field. */
export function withMetadata(
  object: KubeObject,
  changes: { readonly [K in keyof ObjectMeta]?: ObjectMeta[K] | undefined },
): KubeObject {
  const merged: Record<string, unknown> = { ...object.metadata, ...changes }
  for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key]
  return { ...object, metadata: merged }
}
