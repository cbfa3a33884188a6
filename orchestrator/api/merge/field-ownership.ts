// What a write does to the owners of an object's fields. An update takes what it changes; an apply
// takes what its configuration speaks of, gives up what it no longer speaks of, and may meet others.
// Counterpart: merge.Updater of structured-merge-diff, and the managers that apimachinery puts around
// it. Pure.

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

/** The form of a version of a kind, and what writes through an endpoint do not change in it. */
interface Version {
  readonly schema: StructSchema
  /** Nobody who writes here owns it, nor anything below it. */
  readonly reset: FieldSet
}

/** How objects of one kind are owned at one endpoint. */
export interface Ownership extends Version {
  /** For entries that were made under another version; null for one that is not served (any more). */
  readonly inVersion: (
    apiVersion: string,
  ) => (Version & { readonly convert: (object: JsonObject) => JsonObject }) | null
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

function compared({ schema, reset }: Version, old: JsonObject, current: JsonObject): Comparison {
  const { added, modified, removed } = compareObjects(schema, old, current)
  if (isEmpty(reset)) return { added, modified, removed }
  return {
    added: without(added, reset),
    modified: without(modified, reset),
    removed: without(removed, reset),
  }
}

/** What a write does, in the words of each version that owners use. */
class Differences {
  readonly #ownership: Ownership
  readonly #old: JsonObject
  readonly #current: JsonObject
  readonly #known = new Map<string, Comparison | null>()

  constructor(ownership: Ownership, old: JsonObject, current: JsonObject) {
    this.#ownership = ownership
    this.#old = old
    this.#current = current
  }

  /** Null where nobody speaks that version. */
  in(apiVersion: string): Comparison | null {
    let found = this.#known.get(apiVersion)
    if (found === undefined) {
      const version = this.#ownership.inVersion(apiVersion)
      found =
        version === null
          ? null
          : compared(version, version.convert(this.#old), version.convert(this.#current))
      this.#known.set(apiVersion, found)
    }
    return found
  }

  /** The entries without what was written or removed, and without those that then have nothing. */
  left(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
    return entries.flatMap(entry => {
      const change = this.in(entry.apiVersion)
      if (change === null) return []
      const lost = union(writtenIn(change), change.removed)
      if (isEmpty(lost)) return [entry]
      const fields = difference(entry.fields, lost)
      return isEmpty(fields) ? [] : [{ ...entry, fields }]
    })
  }
}

function writtenIn({ added, modified }: Comparison): FieldSet {
  return union(modified, added)
}

/** The owners after an update of `old` to `current`; `old` is empty for a create. */
export function ownersAfterUpdate(
  ownership: Ownership,
  writer: Writer,
  entries: readonly ManagedEntry[],
  old: JsonObject,
  current: JsonObject,
): readonly ManagedEntry[] {
  const { manager, apiVersion, subresource, now } = writer
  const differences = new Differences(ownership, old, current)
  const change = differences.in(apiVersion)
  if (change === null) return entries
  const others = differences.left(entries)
  const written = difference(writtenIn(change), unowned)
  if (isEmpty(written)) return others
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
  const previous = entries.find(entry => sameManager(entry, own))
  const others = entries.filter(
    entry => entry !== previous && ownership.inVersion(entry.apiVersion) !== null,
  )
  const merged = mergeTyped(schema, live, config)
  // An owner under another version keeps what has the same name there.
  const owned = others.reduce((set, { fields }) => union(set, fields), applied)
  const object = pruned(schema, merged, previous?.fields ?? leaf, owned)
  const differences = new Differences(ownership, live, object)
  if (!force) {
    const conflicts = others.flatMap(owner => {
      const change = differences.in(owner.apiVersion)
      const met = change === null ? leaf : intersection(owner.fields, writtenIn(change))
      return pathsOf(met).map(path => ({ owner, path }))
    })
    if (conflicts.length > 0) return { kind: 'conflicts', conflicts }
  }
  const left = differences.left(others)
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
