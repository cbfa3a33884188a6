// What happens to an object between decoding and validation: system fields are set or restored,
// status is kept apart from spec, the generation counts changes of intent. Where a kind differs, its
// description says so (WriteRules). Counterpart: registry/rest create.go and update.go. Pure.

import type { Kind, ObjectPart } from '../api/kind.js'
import type { JsonObject, KubeObject, ObjectMeta } from '../api/object.js'
import { sameJson } from '../api/equality.js'
import { leaf, setOf } from '../api/merge/field-set.js'
import type { FieldSet } from '../api/merge/field-set.js'
import { fieldElement } from '../api/merge/path-element.js'
import { asJson, fieldAt, withField, withMetadata } from './object-fields.js'

export interface CreateContext {
  /** RFC 3339, seconds. */
  readonly now: string
  readonly uid: string
  /** Appended to generateName. */
  readonly suffix: string
  readonly namespace: string
}

/** Longest part of generateName that is kept, so that name and suffix stay within 63. */
const generateNameMax = 58

export function prepareCreate(kind: Kind, object: KubeObject, context: CreateContext): KubeObject {
  const { name, generateName } = object.metadata
  const generated =
    (name === undefined || name === '') && generateName !== undefined && generateName !== ''
  let prepared = withMetadata(object, {
    name: generated ? `${generateName.slice(0, generateNameMax)}${context.suffix}` : name,
    namespace: kind.namespaced ? context.namespace : undefined,
    uid: context.uid,
    creationTimestamp: context.now,
    resourceVersion: undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    generation: kind.hasGeneration ? 1 : undefined,
  })
  const { initialStatus = {}, onCreate } = kind.writes ?? {}
  if (kind.hasStatus && initialStatus !== 'given') {
    prepared = withField(prepared, 'status', initialStatus)
  }
  return onCreate?.(prepared) ?? prepared
}

/** Replacing the object through its main endpoint: the status stays as it is. */
export function prepareUpdate(kind: Kind, object: KubeObject, old: KubeObject): KubeObject {
  let prepared = withSystemMetadata(object, old)
  if (kind.hasStatus) prepared = withField(prepared, 'status', fieldAt(old, 'status'))
  prepared = kind.writes?.onUpdate?.(prepared, old) ?? prepared
  return withGeneration(kind, prepared, old)
}

/** The part of an object that an endpoint of its own writes; null for all other endpoints. */
export function partOf(kind: Kind, subresource: string): ObjectPart | null {
  return (kind.subresources ?? []).find(({ name }) => name === subresource)?.part ?? null
}

/** What a write makes of the object, by the endpoint that it goes through. `now`: RFC 3339. */
export function prepareWrite(
  kind: Kind,
  subresource: string,
  object: KubeObject,
  old: KubeObject,
  now: string,
): KubeObject {
  if (subresource === 'status') {
    return kind.writes?.onStatus?.(object, old, now) ?? prepareStatusUpdate(kind, object, old)
  }
  const part = partOf(kind, subresource)
  if (part === null) return prepareUpdate(kind, object, old)
  return withGeneration(kind, withSystemMetadata(part.merge(object, old, now), old), old)
}

const userMetadata = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const

/** Writing through /status: the spec stays as it is. */
export function prepareStatusUpdate(kind: Kind, object: KubeObject, old: KubeObject): KubeObject {
  const names: readonly (keyof ObjectMeta)[] = kind.writes?.metadataWithStatus ?? userMetadata
  const changed = Object.fromEntries(names.map(name => [name, object.metadata[name]]))
  return withField(withMetadata(old, changed), 'status', fieldAt(object, 'status'))
}

const resets = new WeakMap<Kind, { readonly main: FieldSet; readonly status: FieldSet }>()

/**
 * What a write through an endpoint does not change, so that its manager does not own it: the status
 * at the main one, and at /status all but the status and the metadata that goes with it.
 */
export function resetFields(kind: Kind, subresource: string): FieldSet {
  let known = resets.get(kind)
  if (known === undefined) {
    known = { main: mainReset(kind), status: statusReset(kind) }
    resets.set(kind, known)
  }
  if (subresource === '') return known.main
  return subresource === 'status' ? known.status : leaf
}

function mainReset(kind: Kind): FieldSet {
  return kind.hasStatus ? setOf([fieldElement('status')]) : leaf
}

function statusReset(kind: Kind): FieldSet {
  const kept = new Set<string>(kind.writes?.metadataWithStatus ?? userMetadata)
  const metadata = kind.schema.fields.get('metadata')?.type
  const names = metadata?.type === 'struct' ? [...metadata.fields.keys()] : []
  const others = [...kind.schema.fields.keys()].filter(
    name => name !== 'metadata' && name !== 'status',
  )
  return setOf(
    ...others.map(name => [fieldElement(name)]),
    ...names
      .filter(name => !kept.has(name))
      .map(name => [fieldElement('metadata'), fieldElement(name)]),
  )
}

/** PUT namespaces/<name>/finalize: only spec.finalizers changes. */
export function prepareFinalize(object: KubeObject, old: KubeObject): KubeObject {
  return withField(old, 'spec.finalizers', fieldAt(object, 'spec.finalizers') ?? [])
}

function withSystemMetadata(object: KubeObject, old: KubeObject): KubeObject {
  return withMetadata(object, {
    name: old.metadata.name,
    namespace: old.metadata.namespace,
    generateName: old.metadata.generateName,
    uid: old.metadata.uid,
    creationTimestamp: old.metadata.creationTimestamp,
    deletionTimestamp: old.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: old.metadata.deletionGracePeriodSeconds,
    generation: old.metadata.generation,
    resourceVersion: old.metadata.resourceVersion,
  })
}

function withGeneration(kind: Kind, object: KubeObject, old: KubeObject): KubeObject {
  return withMetadata(object, { generation: nextGeneration(kind, object, old) })
}

function nextGeneration(kind: Kind, object: KubeObject, old: KubeObject): number | undefined {
  const { generation } = old.metadata
  if (!kind.hasGeneration) return generation
  const changed =
    !sameJson(intent(object), intent(old)) ||
    // Without an endpoint of its own the status is as good as anything else.
    (!kind.hasStatus && !sameJson(fieldAt(object, 'status'), fieldAt(old, 'status'))) ||
    (kind.writes?.annotationsAreIntent === true &&
      !sameJson(object.metadata.annotations ?? {}, old.metadata.annotations ?? {}))
  return changed ? (generation ?? 0) + 1 : generation
}

function intent(object: KubeObject): JsonObject {
  const { metadata: _, status: __, apiVersion: ___, kind: ____, ...rest } = asJson(object)
  return rest
}
