// Living beside client-side apply, which notes what it last applied in an annotation: its fields
// go over to `kubectl apply --server-side` without conflicts, and the note is kept in step for as
// long as it is there. Counterpart: the lastApplied managers of k8s.io/apimachinery.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import type { StructSchema } from '../schema.js'
import { appliedFields } from './applied-fields.js'
import { compareObjects } from './comparison.js'
import { configurationErrors } from './configuration-errors.js'
import { difference, has } from './field-set.js'
import type { FieldSet } from './field-set.js'
import type { Conflict } from './field-ownership.js'
import { recordOf } from './granularity.js'

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** The manager that gets this treatment; others opt out of it by their name. */
export const migratingManager = 'kubectl'

/** As much as all annotations of an object may take. */
const annotationsBytesMax = 256 * 1024

function annotationsOf(object: JsonObject): JsonObject {
  return recordOf(recordOf(object['metadata'])['annotations'])
}

function lastAppliedOf(object: JsonObject): string {
  const text = annotationsOf(object)[lastAppliedAnnotation]
  return typeof text === 'string' ? text : ''
}

/** The conflicts that are left once client-side apply has given up what it had applied. */
export function conflictsBesideLastApplied(
  schema: StructSchema,
  apiVersion: string,
  live: JsonObject,
  conflicts: readonly Conflict[],
): readonly Conflict[] {
  const given = givenUp(schema, apiVersion, live)
  return given === null ? conflicts : conflicts.filter(({ path }) => !has(given, path))
}

/** What client-side apply last wrote and is still so; null where its note says nothing. */
function givenUp(schema: StructSchema, apiVersion: string, live: JsonObject): FieldSet | null {
  const note = parsed(lastAppliedOf(live))
  if (!isJsonObject(note) || note['apiVersion'] !== apiVersion) return null
  if (configurationErrors(note, schema).length > 0) return null
  const { added, modified, removed } = compareObjects(schema, note, live)
  return [modified, added, removed].reduce(difference, appliedFields(note, schema))
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

/** `object` with its note, where it has one, saying what was applied now. */
export function withLastApplied(object: JsonObject, config: JsonObject): JsonObject {
  if (lastAppliedOf(object) === '') return object
  const { [lastAppliedAnnotation]: _, ...others } = annotationsOf(object)
  const noted = { ...others, [lastAppliedAnnotation]: noteOf(config) }
  const annotations = bytesOf(noted) > annotationsBytesMax ? others : noted
  return { ...object, metadata: { ...recordOf(object['metadata']), annotations } }
}

function bytesOf(annotations: JsonObject): number {
  const encoder = new TextEncoder()
  return Object.entries(annotations)
    .map(([key, value]) => encoder.encode(`${key}${typeof value === 'string' ? value : ''}`).length)
    .reduce((sum, bytes) => sum + bytes, 0)
}

function noteOf(config: JsonObject): string {
  const metadata = recordOf(config['metadata'])
  if (!isJsonObject(metadata['annotations'])) return `${sortedText(config)}\n`
  const { [lastAppliedAnnotation]: _, ...annotations } = metadata['annotations']
  return `${sortedText({ ...config, metadata: { ...metadata, annotations } })}\n`
}

/** As Go prints JSON: keys in order, and nothing that HTML would take for its own. */
function sortedText(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(sortedText).join(',')}]`
  if (!isJsonObject(value)) return escaped(JSON.stringify(value))
  const fields = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${escaped(JSON.stringify(key))}:${sortedText(inner ?? null)}`)
  return `{${fields.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll(
    /[<>&\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
