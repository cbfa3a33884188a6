// What happens to an object between decoding and validation: system fields are set or restored,
// status is kept apart from spec, the generation counts changes of intent. Counterpart:
// registry/rest create.go and update.go and the strategies of each kind. Pure.

import type { Kind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { sameJson } from '../api/equality.js'
import { asJson, fieldAt, withField, withMetadata } from './object-fields.js'

export interface CreateContext {
  /** RFC 3339, seconds. */
  readonly now: string
  readonly uid: string
  /** Appended to generateName. */
  readonly suffix: string
  readonly namespace: string
}

/** Kinds whose creator may state the status: the kubelet registers its Node with one. */
const statusKeptOnCreate = new Set(['/nodes', '/events', '/componentstatuses'])

function idOf(kind: Kind): string {
  return `${kind.group}/${kind.plural}`
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
  if (kind.hasStatus && !statusKeptOnCreate.has(idOf(kind))) {
    prepared = withField(prepared, 'status', initialStatus(kind))
  }
  if (idOf(kind) === '/namespaces') prepared = namespaceOnCreate(prepared)
  return prepared
}

function initialStatus(kind: Kind): Json | undefined {
  switch (idOf(kind)) {
    case '/pods':
    case '/persistentvolumes':
    case '/persistentvolumeclaims':
      return { phase: 'Pending' }
    case '/namespaces':
      return { phase: 'Active' }
    case '/services':
      return { loadBalancer: {} }
    default:
      return {}
  }
}

/** The API server's own finalizer, and the label that selectors find a namespace by. */
function namespaceOnCreate(object: KubeObject): KubeObject {
  const finalizers = fieldAt(object, 'spec.finalizers')
  const own = 'kubernetes'
  const given = Array.isArray(finalizers) ? finalizers : []
  const named = withMetadata(object, {
    labels: {
      ...object.metadata.labels,
      'kubernetes.io/metadata.name': object.metadata.name ?? '',
    },
  })
  return withField(named, 'spec.finalizers', given.includes(own) ? given : [...given, own])
}

/** Kinds whose labels and annotations are also written with the status. */
const metadataWithStatus = new Set(['/nodes', '/pods', '/services', '/namespaces'])

/** Replacing the object through its main endpoint: the status stays as it is. */
export function prepareUpdate(kind: Kind, object: KubeObject, old: KubeObject): KubeObject {
  let prepared = withSystemMetadata(object, old)
  if (kind.hasStatus && !statusFreeOnUpdate.has(idOf(kind))) {
    prepared = withField(prepared, 'status', fieldAt(old, 'status'))
  }
  if (idOf(kind) === '/namespaces') {
    // Finalizers of a namespace change through /finalize only.
    prepared = withField(prepared, 'spec.finalizers', fieldAt(old, 'spec.finalizers'))
  }
  return withMetadata(prepared, { generation: nextGeneration(kind, prepared, old) })
}

const statusFreeOnUpdate = new Set(['/events'])

/** Writing through /status: the spec stays as it is. */
export function prepareStatusUpdate(kind: Kind, object: KubeObject, old: KubeObject): KubeObject {
  const { labels, annotations, finalizers } = object.metadata
  const metadata = metadataWithStatus.has(idOf(kind))
    ? { ...old.metadata, labels, annotations, finalizers }
    : { ...old.metadata, annotations, finalizers }
  const base = withMetadata({ ...old, metadata: {} }, metadata)
  return withField(base, 'status', fieldAt(object, 'status'))
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

/** Annotations carry intent for the kinds that copy them on: a change counts. */
const annotationsCount = new Set(['apps/deployments'])

function nextGeneration(kind: Kind, object: KubeObject, old: KubeObject): number | undefined {
  const { generation } = old.metadata
  if (!kind.hasGeneration) return generation
  const changed =
    !sameJson(intent(object), intent(old)) ||
    (annotationsCount.has(idOf(kind)) &&
      !sameJson(object.metadata.annotations ?? {}, old.metadata.annotations ?? {}))
  return changed ? (generation ?? 0) + 1 : generation
}

function intent(object: KubeObject): JsonObject {
  const { metadata: _, status: __, apiVersion: ___, kind: ____, ...rest } = asJson(object)
  return rest
}
