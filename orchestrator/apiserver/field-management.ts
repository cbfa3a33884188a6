// Field ownership on the way of a write: every create, update and patch notes whose the fields are
// that it changed, and server-side apply makes the object from what its manager applies. Pure.
// Counterpart: managedfields.FieldManager. What it all means is in api/merge.

import type { Kind } from '../api/kind.js'
import { findKindByName } from '../api/kinds.js'
import type { JsonObject, KubeObject, ObjectMeta } from '../api/object.js'
import { sameJson } from '../api/equality.js'
import { conflictError } from '../api/merge/apply-conflicts.js'
import { applyConfiguration, ownersAfterUpdate } from '../api/merge/field-ownership.js'
import type { Ownership, Writer } from '../api/merge/field-ownership.js'
import {
  conflictsBesideLastApplied,
  migratingManager,
  withLastApplied,
} from '../api/merge/last-applied.js'
import { clientEntries, managedFieldsOf, storedEntries } from '../api/merge/managed-fields.js'
import type { ManagedEntry } from '../api/merge/managed-fields.js'
import { fromStored, storedKind, toStored } from '../api/stored-version.js'
import { asJson, asObject, withMetadata } from './object-fields.js'
import { resetFields } from './strategy.js'

/** Who writes, through which endpoint, and when. */
export interface FieldWriter {
  readonly manager: string
  /** '' for the object itself. */
  readonly subresource: string
  /** RFC 3339, seconds. */
  readonly now: string
}

const managerCharactersMax = 128

/** The manager that a request names, or else the program that sent it. */
export function managerOf(fieldManager: string, userAgent: string): string {
  if (fieldManager !== '') return fieldManager
  const program = userAgent.split('/', 1)[0] ?? ''
  const printable = program.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '')
  return printable.slice(0, managerCharactersMax) || 'unknown'
}

/** Owners of what there was before anybody applied. */
const beforeFirstApply = 'before-first-apply'

function ownershipOf(kind: Kind, subresource: string): Ownership {
  const { schema } = kind
  const reset = resetFields(kind, subresource)
  return {
    schema,
    reset,
    inVersion: apiVersion => {
      if (apiVersion === apiVersionOf(kind)) return { schema, reset, convert: object => object }
      const other = siblingOf(kind, apiVersion)
      return other === null
        ? null
        : {
            schema: other.schema,
            reset: resetFields(other, subresource),
            convert: object => asJson(converted(kind, other, asObject(object))),
          }
    },
  }
}

function apiVersionOf({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`
}

/** The same objects under another version that is served. */
function siblingOf(kind: Kind, apiVersion: string): Kind | null {
  const cut = apiVersion.indexOf('/')
  const group = cut === -1 ? '' : apiVersion.slice(0, cut)
  const stored = storedKind(kind)
  if (apiVersion === apiVersionOf(stored)) return stored
  const other = findKindByName(group, apiVersion.slice(cut + 1), kind.kind)
  return other !== null && storedKind(other) === stored ? other : null
}

function converted(from: Kind, to: Kind, object: KubeObject): KubeObject {
  // Before a create there is nothing to convert.
  if (object.metadata === undefined) return object
  return fromStored(to, toStored(from, object))
}

function writerOf(kind: Kind, { manager, subresource, now }: FieldWriter): Writer {
  return { manager, subresource, now, apiVersion: apiVersionOf(kind) }
}

/** Without its owners, which nobody owns. An undefined field is an absent one. */
function bare(object: KubeObject): JsonObject {
  const metadata = { ...object.metadata, managedFields: undefined }
  return { ...asJson(object), metadata: metadata as object as JsonObject }
}

function withOwners(object: KubeObject, entries: readonly ManagedEntry[]): KubeObject {
  return withMetadata(object, { managedFields: managedFieldsOf(entries) })
}

/** A new object, owned by who creates it. What it says of owners itself counts where it is valid. */
export function ownedFromStart(kind: Kind, object: KubeObject, writer: FieldWriter): KubeObject {
  const { managedFields } = object.metadata
  const given = managedFields === undefined ? null : clientEntries(managedFields)
  return withOwners(
    object,
    ownersAfterUpdate(
      ownershipOf(kind, writer.subresource),
      writerOf(kind, writer),
      given ?? [],
      {},
      bare(object),
    ),
  )
}

/**
 * The managedFields of `object`, which is to follow `old`; both in the version of `kind`. An object
 * that nobody's fields are known of stays so until somebody applies.
 */
export function ownersAfter(
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  writer: FieldWriter,
): ObjectMeta['managedFields'] {
  const entries = entriesBefore(object, old, writer)
  if (entries.length === 0) return undefined
  const owners = ownersAfterUpdate(
    ownershipOf(kind, writer.subresource),
    writerOf(kind, writer),
    entries,
    bare(old),
    bare(object),
  )
  return managedFieldsOf(owners)
}

/** Clients may correct the owners, and clear them, but not through a subresource. */
function entriesBefore(
  object: KubeObject,
  old: KubeObject,
  { subresource }: FieldWriter,
): readonly ManagedEntry[] {
  const stored = old.metadata.managedFields
  const given = object.metadata.managedFields
  if (subresource !== '' || given === undefined || sameJson(given, stored)) {
    return storedEntries(stored)
  }
  if (isReset(given)) return []
  const entries = clientEntries(given)
  return entries === null || entries.length === 0 ? storedEntries(stored) : entries
}

function isReset(managedFields: readonly JsonObject[]): boolean {
  const [first = {}, second] = managedFields
  return second === undefined && Object.keys(first).length === 0
}

/**
 * The live object, null where there is none, with a checked configuration applied. Throws ApiError
 * Conflict where others own what it sets, unless it is forced.
 */
export function appliedObject(
  kind: Kind,
  live: KubeObject | null,
  config: JsonObject,
  writer: FieldWriter,
  force: boolean,
): KubeObject {
  const ownership = ownershipOf(kind, writer.subresource)
  const applier = writerOf(kind, writer)
  const before = live === null ? {} : bare(live)
  const stored = storedEntries(live?.metadata.managedFields)
  const first: Writer = { ...applier, manager: beforeFirstApply }
  const entries = stored.length > 0 ? stored : ownersAfterUpdate(ownership, first, [], {}, before)
  const apply = (forced: boolean) =>
    applyConfiguration(ownership, applier, entries, before, config, forced)
  let applied = apply(force)
  const migrates = writer.manager === migratingManager
  if (applied.kind === 'conflicts') {
    const { conflicts } = applied
    const left = migrates
      ? conflictsBesideLastApplied(kind.schema, applier.apiVersion, before, conflicts)
      : conflicts
    if (left.length > 0) throw conflictError(left)
    applied = apply(true)
    if (applied.kind === 'conflicts') throw conflictError(applied.conflicts)
  }
  const object = migrates ? withLastApplied(applied.object, config) : applied.object
  const { metadata = {} } = object
  return withOwners(asObject({ ...object, metadata }), applied.entries)
}

/** Whether nothing has changed but when owners last wrote, which is no change of its own. */
export function sameButForTimes(object: KubeObject, old: KubeObject): boolean {
  const entries = storedEntries(object.metadata.managedFields)
  const before = storedEntries(old.metadata.managedFields)
  return (
    entries.length === before.length &&
    entries.every((entry, index) => sameJson({ ...entry, time: null }, timeless(before[index]))) &&
    sameJson(bare(object), bare(old))
  )
}

function timeless(entry: ManagedEntry | undefined): object {
  return { ...entry, time: null }
}
