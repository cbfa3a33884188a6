// Who owns which fields of an object, as metadata.managedFields has it: one entry a manager and way
// of writing. Counterpart: managedfields/internal of k8s.io/apimachinery, whose order and limits
// these are. Entries are values; every change makes new ones.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import { msOfTime } from '../time.js'
import { fieldSetFromClient, isEmpty, union } from './field-set.js'
import type { FieldSet } from './field-set.js'

export interface ManagedEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  /** '' for the object itself. */
  readonly subresource: string
  readonly apiVersion: string
  /** When the manager last changed something; null where nobody noted it. */
  readonly time: string | null
  readonly fields: FieldSet
}

/** Entries of updates beyond this are joined, the oldest first. */
export const updateManagersMax = 10
const joinedManager = 'ancient-changes'

/** Who reads and writes the same entry: appliers have one for all versions of an API. */
export function sameManager(a: ManagedEntry, b: ManagedEntry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  )
}

/** Entries as they are stored; they were made here. */
export function storedEntries(managedFields: Json | undefined): readonly ManagedEntry[] {
  if (!Array.isArray(managedFields)) return []
  return (managedFields as readonly Json[]).flatMap(value => {
    const entry = isJsonObject(value) ? entryOf(value, stored => stored as FieldSet) : null
    return entry === null ? [] : [entry]
  })
}

/** Entries as a client sent them; null when one of them is none. */
export function clientEntries(managedFields: Json): readonly ManagedEntry[] | null {
  if (!Array.isArray(managedFields)) return null
  const entries: ManagedEntry[] = []
  for (const value of managedFields as readonly Json[]) {
    const entry = isJsonObject(value) ? entryOf(value, fieldSetFromClient) : null
    if (entry === null || entry.apiVersion === '') return null
    // Of two for one manager the last counts.
    const others = entries.filter(other => !sameManager(other, entry))
    entries.splice(0, entries.length, ...others, entry)
  }
  return entries.filter(entry => !isEmpty(entry.fields))
}

function entryOf(
  value: JsonObject,
  fieldsOf: (fields: JsonObject) => FieldSet | null,
): ManagedEntry | null {
  const { operation, fieldsType, fieldsV1 = {} } = value
  if (operation !== 'Apply' && operation !== 'Update') return null
  if (fieldsType !== 'FieldsV1' || !isJsonObject(fieldsV1)) return null
  const fields = fieldsOf(fieldsV1)
  if (fields === null) return null
  const time = textOf(value['time'])
  return {
    manager: textOf(value['manager']),
    operation,
    subresource: textOf(value['subresource']),
    apiVersion: textOf(value['apiVersion']),
    time: time === '' ? null : time,
    fields,
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** As they are stored: appliers first, then by age. Undefined for none. */
export function managedFieldsOf(
  entries: readonly ManagedEntry[],
): readonly JsonObject[] | undefined {
  if (entries.length === 0) return undefined
  return entries.toSorted(byPlace).map(storedEntry)
}

function storedEntry(entry: ManagedEntry): JsonObject {
  const stored: { [key: string]: Json } = {
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
  }
  if (entry.time !== null) stored['time'] = entry.time
  stored['fieldsType'] = 'FieldsV1'
  stored['fieldsV1'] = entry.fields as object as JsonObject
  if (entry.subresource !== '') stored['subresource'] = entry.subresource
  return stored
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function secondsOf({ time }: ManagedEntry): number {
  return time === null ? 0 : Math.floor((msOfTime(time) ?? 0) / 1000)
}

function byPlace(a: ManagedEntry, b: ManagedEntry): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  )
}

/** Joins the oldest updates of each version of the API until there are few enough. */
export function cappedEntries(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update').toSorted(byPlace)
  let surplus = updates.length - updateManagersMax
  if (surplus <= 0) return entries
  const kept = new Set(entries)
  const joined = new Map<string, ManagedEntry>()
  for (const entry of updates) {
    if (surplus <= 0) break
    const { apiVersion } = entry
    const first = joined.get(apiVersion)
    kept.delete(entry)
    if (first !== undefined) {
      kept.delete(first)
      surplus -= 1
    }
    const whole: ManagedEntry =
      first === undefined
        ? entry
        : {
            manager: joinedManager,
            operation: 'Update',
            subresource: '',
            apiVersion,
            time: entry.time,
            fields: union(first.fields, entry.fields),
          }
    joined.set(apiVersion, whole)
    kept.add(whole)
  }
  return [...kept]
}
