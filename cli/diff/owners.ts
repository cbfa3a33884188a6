// Who wrote a field, by the managedFields of the object: the managers whose entry is younger than a time, and
// holds the field. Counterpart of the format: FieldsV1 of meta/v1. Pure.

import type { JsonObject, KubeObject } from '../../orchestrator/api/object.js'
import { isJsonObject } from '../../orchestrator/api/record.js'

/** A field of an object, or an element of a list by position or by what names it. */
export type PathStep =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly key: string; readonly item: JsonObject }

export interface Owner {
  readonly manager: string
  /** RFC 3339. */
  readonly time: string
}

export function ownersOf(
  object: KubeObject,
  steps: readonly PathStep[],
  sinceMs: number,
): readonly Owner[] {
  const young = (object.metadata.managedFields ?? []).flatMap(entry => {
    const {
      manager = '',
      time = '',
      fieldsV1,
    } = entry as {
      manager?: string
      time?: string
      fieldsV1?: JsonObject
    }
    // Times of entries are whole seconds.
    return Date.parse(time) + 999 >= sinceMs ? [{ manager, time, fields: fieldsV1 ?? {} }] : []
  })
  const holders = young.filter(({ fields }) => holds(fields, steps))
  // What is gone is held by nobody.
  return (holders.length > 0 ? holders : young).map(({ manager, time }) => ({ manager, time }))
}

function holds(fields: JsonObject, steps: readonly PathStep[]): boolean {
  const [step, ...rest] = steps
  // A manager that holds something within what changed had a part in it.
  if (step === undefined || Object.keys(fields).length === 0) return true
  const inner = innerFields(fields, step)
  return inner !== null && holds(inner, rest)
}

function innerFields(fields: JsonObject, step: PathStep): JsonObject | null {
  if ('index' in step) return null
  if ('field' in step) return objectAt(fields, `f:${step.field}`)
  const found = Object.keys(fields).find(
    name => name.startsWith('k:') && isSelected(name.slice(2), step.item),
  )
  return found === undefined ? null : objectAt(fields, found)
}

function objectAt(fields: JsonObject, name: string): JsonObject | null {
  const inner = Object.hasOwn(fields, name) ? fields[name] : undefined
  return isJsonObject(inner) ? inner : null
}

/** `keys` as in {"containerPort":80,"protocol":"TCP"}. */
function isSelected(keys: string, item: JsonObject): boolean {
  try {
    const wanted = JSON.parse(keys) as JsonObject
    return Object.entries(wanted).every(([name, value]) => item[name] === value)
  } catch {
    return false
  }
}
