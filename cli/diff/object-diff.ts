// What is different between two states of one object, field by field, and who says so. Elements of a list are told
// apart by what names them where all have it, else by position. Pure.

import type { Json, JsonObject, KubeObject } from '../../orchestrator/api/object.js'
import { isJsonObject } from '../../orchestrator/api/record.js'
import { sameJson } from '../../orchestrator/api/equality.js'
import { ownersOf } from './owners.js'
import type { Owner, PathStep } from './owners.js'

export interface FieldChange {
  /** As in `spec.containers[name=web].image`. */
  readonly path: string
  /** Undefined: it was not there. */
  readonly from: Json | undefined
  readonly to: Json | undefined
  /** Managers that wrote the field since; of a field that is gone those that wrote anything since. */
  readonly by: readonly Owner[]
}

/** Bookkeeping of the server that changes with everything else. */
const ignored = new Set(['managedFields', 'resourceVersion'])
/** What tells the elements of lists apart, tried in this order. */
const listKeys = ['name', 'type', 'uid', 'ip', 'containerPort', 'port', 'key', 'topologyKey']

/** `sinceMs`: since the Unix epoch; managers that wrote before had no part in it. */
export function fieldChanges(
  from: KubeObject,
  to: KubeObject,
  sinceMs: number,
): readonly FieldChange[] {
  const found: { steps: readonly PathStep[]; from: Json | undefined; to: Json | undefined }[] = []
  const compare = (
    steps: readonly PathStep[],
    old: Json | undefined,
    now: Json | undefined,
  ): void => {
    if (old === now || (old !== undefined && now !== undefined && sameJson(old, now))) return
    if (isJsonObject(old) && isJsonObject(now)) compareObjects(steps, old, now, compare)
    else if (Array.isArray(old) && Array.isArray(now)) compareLists(steps, old, now, compare)
    else found.push({ steps, from: old, to: now })
  }
  compare([], bare(from), bare(to))
  return found.map(({ steps, ...values }) => ({
    path: pathText(steps),
    ...values,
    by: ownersOf(to, steps, sinceMs),
  }))
}

function bare(object: KubeObject): JsonObject {
  const { metadata, ...rest } = object as unknown as JsonObject & { metadata: JsonObject }
  const kept = Object.entries(metadata).filter(([name]) => !ignored.has(name))
  return { ...rest, metadata: Object.fromEntries(kept) }
}

type Compare = (steps: readonly PathStep[], old: Json | undefined, now: Json | undefined) => void

function compareObjects(
  steps: readonly PathStep[],
  old: JsonObject,
  now: JsonObject,
  compare: Compare,
): void {
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const at = (object: JsonObject) => (Object.hasOwn(object, name) ? object[name] : undefined)
    compare([...steps, { field: name }], at(old), at(now))
  }
}

function compareLists(
  steps: readonly PathStep[],
  old: readonly Json[],
  now: readonly Json[],
  compare: Compare,
): void {
  const key = listKeys.find(name => isKeyOf(name, old) && isKeyOf(name, now))
  if (key === undefined) {
    for (let index = 0; index < Math.max(old.length, now.length); index++) {
      compare([...steps, { index }], old[index], now[index])
    }
    return
  }
  const byKey = (list: readonly Json[]) =>
    new Map(list.map(item => [JSON.stringify((item as JsonObject)[key]), item as JsonObject]))
  const [before, after] = [byKey(old), byKey(now)]
  for (const value of new Set([...before.keys(), ...after.keys()])) {
    const item = after.get(value) ?? before.get(value) ?? {}
    compare([...steps, { key, item }], before.get(value), after.get(value))
  }
}

function isKeyOf(name: string, list: readonly Json[]): boolean {
  const values = list.map(item => (isJsonObject(item) ? item[name] : undefined))
  if (values.some(value => typeof value !== 'string' && typeof value !== 'number')) return false
  return new Set(values).size === values.length
}

/** Names that could be taken for something else are quoted. */
function pathText(steps: readonly PathStep[]): string {
  let text = ''
  for (const step of steps) {
    if ('index' in step) text += `[${step.index}]`
    else if ('key' in step) text += `[${step.key}=${step.item[step.key] as string | number}]`
    else if (/^[\w-]+$/.test(step.field)) text += text === '' ? step.field : `.${step.field}`
    else text += `["${step.field}"]`
  }
  return text
}
