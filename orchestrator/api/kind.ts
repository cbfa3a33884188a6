// A kind is a description, not a file of handlers. One value of this type drives routing,
// discovery, OpenAPI, decoding, defaulting, validation, Tables, selectors, patches and codecs.
// Counterpart: pkg/apis, pkg/registry and pkg/printers of Kubernetes.

import type { Conversions } from './custom/conversions.js'
import type { Json, JsonObject, KubeObject, ObjectMeta } from './object.js'
import type { StructSchema } from './schema.js'

export interface GroupVersionKind {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** One thing wrong with an object; becomes a cause in a 422 Status. */
export interface FieldError {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
  /** As in `spec.containers[0].name`. */
  readonly field: string
  readonly message: string
}

export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format: string
  readonly description: string
  /** 0 always shown; above 0 with `-o wide`. */
  readonly priority: number
  /** The cell of one object. `nowMs` is wall time since the Unix epoch, for ages. */
  readonly cell: (object: KubeObject, nowMs: number) => Json
}

export interface ScaleDescription {
  readonly specReplicasPath: string
  readonly statusReplicasPath: string
  /** Path to the label selector, as an object (`spec.selector`). */
  readonly selectorPath: string
}

/** An endpoint below an object, such as pods/log. `status` and `scale` are not listed: they follow
 * from hasStatus and scale. */
export interface Subresource extends GroupVersionKind {
  /** As in the URL: "log". */
  readonly name: string
  readonly verbs: readonly Verb[]
  /** Set where this endpoint reads and writes the object itself, but only a part of it. */
  readonly part?: ObjectPart
}

/** What may be changed through an endpoint of its own, as the resources of a running pod. */
export interface ObjectPart {
  /** The old object with this part of the new one. `now`: RFC 3339. */
  readonly merge: (object: KubeObject, old: KubeObject, now: string) => KubeObject
  /** Instead of the kind's own checks; `object` is what `merge` made. */
  readonly validate?: (object: KubeObject, old: KubeObject) => readonly FieldError[]
}

/**
 * Where writes to a kind depart from the usual course; a kind without rules of its own starts with
 * an empty status, and counts changes outside of metadata and status as its generations.
 * Counterpart: the strategies in pkg/registry.
 */
export interface WriteRules {
  /** The status of a new object; 'given': its creator states it, as a Node registers with one. */
  readonly initialStatus?: JsonObject | 'given'
  /** What of the metadata a write to /status changes too. Default: all that users may change. */
  readonly metadataWithStatus?: readonly (keyof ObjectMeta)[]
  /** Annotations carry intent, for they are copied on: a change of them is a new generation. */
  readonly annotationsAreIntent?: true
  /** What it owns outlives it unless the client says otherwise. */
  readonly orphansDependents?: true
  /** Nobody may replace one without saying which version was read. */
  readonly neverBlindly?: true
  /** DELETE answers with the object even when it is gone at once. */
  readonly deleteReturnsObject?: true
  /** Adds what only the server knows. Name, namespace, uid and defaults are set; defaults are again. */
  readonly onCreate?: (object: KubeObject) => KubeObject
  /** Sets back what the main endpoint does not change, or counts it. Defaults are there. */
  readonly onUpdate?: (object: KubeObject, old: KubeObject) => KubeObject
  /** The old object with the status of the new one, where not all of it is taken. `now`: RFC 3339. */
  readonly onStatus?: (object: KubeObject, old: KubeObject, now: string) => KubeObject
  /** When its deletion begins, at `now` (RFC 3339): adds what holds it until its content is gone. */
  readonly onDelete?: (object: KubeObject, now: string) => KubeObject
}

export type Verb =
  | 'create'
  | 'delete'
  | 'deletecollection'
  | 'get'
  | 'list'
  | 'patch'
  | 'update'
  | 'watch'

/** A kind that is another version of the one its objects are kept as. Both ways are pure. */
export interface StoredVersion {
  readonly kind: Kind
  readonly toStored: (object: KubeObject) => KubeObject
  readonly fromStored: (object: KubeObject) => KubeObject
}

/** What decoding found in a value; see decode/shape.ts. */
export interface CheckedShape {
  /**
   * Without unknown fields, nulls, and the empty values that JSON leaves out; quantities and times
   * in canonical form.
   */
  readonly object: JsonObject
  /** As in `spec.containers[0].foo`. */
  readonly unknownFields: readonly string[]
  /** An object with type errors must not be used. */
  readonly typeErrors: readonly FieldError[]
}

/** What only a kind that a CustomResourceDefinition adds has. */
export interface CustomTraits {
  /** As in `metadata.name` of the definition. */
  readonly definition: string
  readonly conversions: Conversions
  /** The schema as it is published, but for what every object has. */
  readonly openApi: JsonObject
  /** Its definition is being deleted: nothing new is taken. */
  readonly terminating: boolean
  /** In Warning headers; null where the version is not deprecated. */
  readonly deprecation: string | null
}

export interface Kind extends GroupVersionKind {
  /** As in the URL: "deployments". */
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  /** "all" among others. */
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly Verb[]
  readonly schema: StructSchema
  /** `status` is written through its own endpoint only. */
  readonly hasStatus: boolean
  readonly scale: ScaleDescription | null
  readonly subresources?: readonly Subresource[]
  readonly columns: readonly Column[]
  /** Beyond metadata.name and metadata.namespace; value of the field as a string. */
  readonly fieldSelectors: Readonly<Record<string, (object: KubeObject) => string>>
  /** Returns the object with defaults filled in. Idempotent, pure. */
  readonly withDefaults: (object: KubeObject) => KubeObject
  /** `old` is null on create. Metadata and types have been checked before. */
  readonly validate: (object: KubeObject, old: KubeObject | null) => readonly FieldError[]
  /** Grace for a DELETE that names none; 0 deletes at once. Pods: spec.terminationGracePeriodSeconds. */
  readonly gracePeriodSeconds: (object: KubeObject) => number
  /** A change here raises metadata.generation; false for kinds without one. */
  readonly hasGeneration: boolean
  readonly writes?: WriteRules
  /** Absent: objects are kept as they are served. Else `validate` adds to what that kind checks. */
  readonly storedAs?: StoredVersion
  /** Where it is not the kind with List behind it. */
  readonly listKind?: string
  /** Instead of the check that the schema stands for. */
  readonly checkShape?: (value: Json) => CheckedShape
  readonly custom?: CustomTraits
}
