// What a write does to the owners of an object's fields. An update takes what it changes; an apply
// takes what its configuration speaks of, gives up what it no longer speaks of, and may meet others.
// Counterpart: merge.Updater of structured-merge-diff, and the managers that apimachinery puts around
// it. Pure. Entries under another version of the API are taken to name fields alike.

import type { Json, JsonObject } from '../object.js'
import { sameJson } from '../equality.js'
import type { StructSchema } from '../schema.js'
import { appliedFields } from './applied-fields.js'
import { compareObjects } from './comparison.js'
import type { Comparison } from './comparison.js'
import { removeFields } from './field-removal.js'
import {
  difference,
  intersection,
  isEmpty,
  leaf,
  pathsOf,
  setOf,
  union,
  withNamedFields,
  without,
} from './field-set.js'
import type { FieldSet } from './field-set.js'
import { cappedEntries, sameManager } from './managed-fields.js'
import type { ManagedEntry } from './managed-fields.js'
import { fieldElement } from './path-element.js'
import type { PathElement } from './path-element.js'
import { mergeTyped } from './typed-merge.js'

/** How objects of one kind are owned at one endpoint. */
export interface Ownership {
  readonly schema: StructSchema
  /** What writes through this endpoint do not change, so do not own: with all below it. */
  readonly reset: FieldSet
}

/** Who writes. `now`: RFC 3339, seconds. */
export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource: string
  readonly now: string
}

export interface Conflict {
  readonly owner: ManagedEntry
  readonly path: readonly PathElement[]
}

export type Applied =
  | {
      readonly kind: 'applied'
      readonly object: JsonObject
      readonly entries: readonly ManagedEntry[]
    }
  | { readonly kind: 'conflicts'; readonly conflicts: readonly Conflict[] }

const metadataFields = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]

/** Fields that are the server's, or say which object it is. */
const unowned: FieldSet = setOf(
  [fieldElement('apiVersion')],
  [fieldElement('kind')],
  [fieldElement('metadata')],
  ...metadataFields.map(name => [fieldElement('metadata'), fieldElement(name)]),
)

function compared({ schema, reset }: Ownership, old: JsonObject, current: JsonObject): Comparison {
  const { added, modified, removed } = compareObjects(schema, old, current)
  return {
    added: without(added, reset),
    modified: without(modified, reset),
    removed: without(removed, reset),
  }
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
}

/** Versions of other groups are no longer served for this kind, so nobody can hold fields in them. */
function known(entries: readonly ManagedEntry[], writer: Writer): readonly ManagedEntry[] {
  const group = groupOf(writer.apiVersion)
  return entries.filter(({ apiVersion }) => groupOf(apiVersion) === group)
}

/** Without the fields that somebody else has written or removed, and without those left with none. */
function reduced(entries: readonly ManagedEntry[], lost: FieldSet): readonly ManagedEntry[] {
  if (isEmpty(lost)) return entries
  return entries.flatMap(entry => {
    const fields = difference(entry.fields, lost)
    return isEmpty(fields) ? [] : [{ ...entry, fields }]
  })
}

/** The owners after an update of `old` to `current`; `old` is empty for a create. */
export function ownersAfterUpdate(
  ownership: Ownership,
  writer: Writer,
  entries: readonly ManagedEntry[],
  old: JsonObject,
  current: JsonObject,
): readonly ManagedEntry[] {
  const { added, modified, removed } = compared(ownership, old, current)
  const written = difference(union(modified, added), unowned)
  const others = reduced(known(entries, writer), union(written, removed))
  if (isEmpty(written)) return others
  const { manager, apiVersion, subresource, now } = writer
  const entry: ManagedEntry = {
    manager,
    operation: 'Update',
    subresource,
    apiVersion,
    time: now,
    fields: written,
  }
  const previous = others.find(other => sameManager(other, entry))
  const rest = others.filter(other => other !== previous)
  const fields = previous === undefined ? written : union(written, previous.fields)
  return cappedEntries([...rest, { ...entry, fields }])
}

/**
 * The live object with the configuration applied, and its owners; or with whom that would conflict,
 * unless it is forced. The configuration has been checked.
 */
export function applyConfiguration(
  ownership: Ownership,
  writer: Writer,
  entries: readonly ManagedEntry[],
  live: JsonObject,
  config: JsonObject,
  force: boolean,
): Applied {
  const { schema, reset } = ownership
  const all = known(entries, writer)
  const applied = without(appliedFields(config, schema), reset)
  const { manager, apiVersion, subresource, now } = writer
  const own: ManagedEntry = {
    manager,
    operation: 'Apply',
    subresource,
    apiVersion,
    time: now,
    fields: applied,
  }
  const previous = all.find(entry => sameManager(entry, own))
  const others = all.filter(entry => entry !== previous)
  const merged = mergeTyped(schema, live, config)
  const owned = others.reduce((set, { fields }) => union(set, fields), applied)
  const object = pruned(schema, merged, previous?.fields ?? leaf, owned)
  const { added, modified, removed } = compared(ownership, live, object)
  const written = union(modified, added)
  if (!force) {
    const conflicts = others.flatMap(owner =>
      pathsOf(intersection(owner.fields, written)).map(path => ({ owner, path })),
    )
    if (conflicts.length > 0) return { kind: 'conflicts', conflicts }
  }
  const left = reduced(others, union(written, removed))
  const fields = difference(applied, unowned)
  if (isEmpty(fields)) return { kind: 'applied', object, entries: left }
  const unchanged = previous !== undefined && isSameEntry(previous, { ...own, fields })
  const same = unchanged && sameJson(live, object)
  return { kind: 'applied', object, entries: [...left, same ? previous : { ...own, fields }] }
}

function isSameEntry(a: ManagedEntry, b: ManagedEntry): boolean {
  return a.apiVersion === b.apiVersion && sameJson(a.fields, b.fields)
}

/**
 * Takes out what the applier owned the last time and nobody owns now. What it never owned stays,
 * even inside of what goes: defaults, and what others wrote without keeping it.
 */
function pruned(
  schema: StructSchema,
  merged: JsonObject,
  last: FieldSet,
  owned: FieldSet,
): JsonObject {
  if (isEmpty(last)) return merged
  const named = (set: FieldSet): FieldSet => withNamedFields(set, schema)
  const fieldsOf = (object: Json): FieldSet => named(appliedFields(object, schema))
  const all = fieldsOf(merged)
  const bare = removeFields(schema, merged, named(last))
  const unneeded = difference(all, union(fieldsOf(bare), named(owned)))
  const kept = removeFields(schema, merged, unneeded)
  const gone = intersection(difference(all, fieldsOf(kept)), named(last))
  return removeFields(schema, merged, gone)
}
