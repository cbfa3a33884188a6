// The form in which the shape of an object is written down: plain data that decoding, patching,
// protobuf, OpenAPI and the TypeScript types all read. Counterpart: the struct tags of k8s.io/api
// (json, protobuf, patchStrategy, listType). Values, defaults and checks live with the kinds.

import type { Json } from './object.js'

export type ScalarType =
  | 'string'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'double'
  /** Base64 text in JSON. */
  | 'bytes'
  | 'quantity'
  | 'int-or-string'
  /** RFC 3339 with seconds. */
  | 'time'
  /** RFC 3339 with microseconds. */
  | 'micro-time'
  /** The field set of a managedFields entry: any object. */
  | 'fields-v1'
  /** Any object, kept as it is. */
  | 'raw'
  /** Any value, kept as it is. */
  | 'json'

export interface ScalarSchema {
  readonly type: ScalarType
}

export interface ListSchema {
  readonly type: 'list'
  readonly items: TypeSchema
  /** `map`: elements are told apart by `listKeys`; `set`: by value; `atomic`: replaced whole. */
  readonly listType: 'atomic' | 'set' | 'map'
  readonly listKeys: readonly string[]
}

export interface MapSchema {
  readonly type: 'map'
  readonly values: TypeSchema
  readonly mapType: 'granular' | 'atomic'
}

export interface StructSchema {
  readonly type: 'struct'
  /** As in OpenAPI: "io.k8s.api.core.v1.Pod". Unique. */
  readonly name: string
  /** By JSON name, in the order of declaration. */
  readonly fields: ReadonlyMap<string, FieldSchema>
  /** What fields are that are not named; absent where there may be none. */
  readonly others?: TypeSchema
  readonly mapType: 'granular' | 'atomic'
  readonly description: string
  /**
   * Fields that every decoded object has: a required one that the user left out is there with its
   * type's empty value, and validation says what is wrong with it. Never a pointer or a time.
   */
  readonly guaranteed: ReadonlyMap<string, FieldSchema>
}

/**
 * A value whose form in JSON says which of several types it has. On the protobuf wire it is a
 * message: with the struct behind a boolean that is true then, or with the list behind the struct.
 */
export interface UnionSchema {
  readonly type: 'union'
  /** As in OpenAPI. */
  readonly name: string
  readonly bool: boolean
  readonly list: ListSchema | null
  readonly struct: StructSchema
}

export type TypeSchema = ScalarSchema | ListSchema | MapSchema | StructSchema | UnionSchema

/** How strategic merge treats a field; all false and null: the usual way. */
export interface PatchStrategy {
  /** Lists only: merged by `mergeKey`, or as a set when there is none. */
  readonly merge: boolean
  /** Fields that the patch's $retainKeys does not name are dropped. */
  readonly retainKeys: boolean
  readonly mergeKey: string | null
}

/**
 * What an empty value on the protobuf wire means. Upstream writes every field that is not a
 * pointer, so an empty `omitempty` or `always` field is unset or empty; an empty `pointer` was set
 * on purpose.
 */
export type Presence = 'omitempty' | 'always' | 'pointer'

export interface FieldSchema {
  readonly type: TypeSchema
  readonly required: boolean
  /** Protobuf field number; 0 for a field that is not on the wire (apiVersion, kind). */
  readonly number: number
  /** Numbers of the messages, outer first, that the field is nested in on the wire, though not in JSON. */
  readonly within: readonly number[]
  readonly presence: Presence
  readonly patch: PatchStrategy
  readonly description: string
  readonly enum: readonly string[]
  readonly default: Json | undefined
}

export interface FieldOptions {
  readonly required?: boolean
  readonly merge?: boolean
  readonly retainKeys?: boolean
  readonly mergeKey?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly default?: Json
}

export const string: ScalarSchema = { type: 'string' }
export const int32: ScalarSchema = { type: 'int32' }
export const int64: ScalarSchema = { type: 'int64' }
export const bool: ScalarSchema = { type: 'bool' }
export const bytes: ScalarSchema = { type: 'bytes' }
export const quantity: ScalarSchema = { type: 'quantity' }
export const intOrString: ScalarSchema = { type: 'int-or-string' }
export const time: ScalarSchema = { type: 'time' }
export const microTime: ScalarSchema = { type: 'micro-time' }
export const fieldsV1: ScalarSchema = { type: 'fields-v1' }
export const raw: ScalarSchema = { type: 'raw' }
export const json: ScalarSchema = { type: 'json' }

/** A list that is replaced whole. */
export function list(items: TypeSchema): ListSchema {
  return { type: 'list', items, listType: 'atomic', listKeys: [] }
}

/** A list without duplicates. */
export function set(items: TypeSchema): ListSchema {
  return { type: 'list', items, listType: 'set', listKeys: [] }
}

/** A list whose elements are told apart by the values of `listKeys`. */
export function keyed(items: StructSchema, ...listKeys: readonly string[]): ListSchema {
  return { type: 'list', items, listType: 'map', listKeys }
}

export function map(values: TypeSchema): MapSchema {
  return { type: 'map', values, mapType: 'granular' }
}

export function atomicMap(values: TypeSchema): MapSchema {
  return { type: 'map', values, mapType: 'atomic' }
}

/** A field that JSON leaves out when it is empty. */
export function field(number: number, type: TypeSchema, options: FieldOptions = {}): FieldSchema {
  return fieldOf(number, type, 'omitempty', options)
}

/** A field that is written even when it is empty. */
export function always(number: number, type: TypeSchema, options: FieldOptions = {}): FieldSchema {
  return fieldOf(number, type, 'always', options)
}

/** A field whose empty value differs from its absence. */
export function pointer(number: number, type: TypeSchema, options: FieldOptions = {}): FieldSchema {
  return fieldOf(number, type, 'pointer', options)
}

function fieldOf(
  number: number,
  type: TypeSchema,
  presence: Presence,
  options: FieldOptions,
): FieldSchema {
  return {
    type,
    required: options.required ?? false,
    number,
    within: [],
    presence,
    patch: {
      merge: options.merge ?? options.mergeKey !== undefined,
      retainKeys: options.retainKeys ?? false,
      mergeKey: options.mergeKey ?? null,
    },
    description: options.description ?? '',
    enum: options.enum ?? [],
    default: options.default,
  }
}

/** apiVersion and kind, which travel in the envelope on the protobuf wire. */
export const typeMeta: Readonly<Record<string, FieldSchema>> = {
  apiVersion: field(0, string, { description: 'Group and version of this object: "apps/v1".' }),
  kind: field(0, string, { description: 'The kind of this object, in camel case: "Pod".' }),
}

interface StructOptions {
  readonly atomic?: boolean
  readonly description?: string
}

/** A struct whose fields may lead back to itself: they are made when they are first asked for. */
export function recursive(
  name: string,
  fields: () => Readonly<Record<string, FieldSchema>>,
  options: StructOptions = {},
): StructSchema {
  let made: StructSchema | null = null
  const whole = (): StructSchema => (made ??= struct(name, fields(), options))
  return {
    ...struct(name, {}, options),
    get fields() {
      return whole().fields
    },
    get guaranteed() {
      return whole().guaranteed
    },
  }
}

export function struct(
  name: string,
  fields: Readonly<Record<string, FieldSchema>>,
  options: StructOptions = {},
): StructSchema {
  const entries = Object.entries(fields)
  const isObject = entries.some(([key]) => key === 'apiVersion') && isObjectMeta(fields['metadata'])
  return {
    type: 'struct',
    name,
    fields: new Map(entries),
    mapType: options.atomic === true ? 'atomic' : 'granular',
    description: options.description ?? '',
    guaranteed: new Map(entries.filter(([key, inner]) => isGuaranteed(key, inner, isObject))),
  }
}

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

function isObjectMeta(metadata: FieldSchema | undefined): boolean {
  return metadata?.type.type === 'struct' && metadata.type.name === objectMetaName
}

/** A spec with required fields cannot be missing from an object, even where JSON may omit it. */
function isGuaranteed(name: string, { type, required, presence }: FieldSchema, isObject: boolean) {
  if (type.type === 'time' || type.type === 'micro-time') return false
  if (isObject && name === 'metadata') return true
  if (isObject && name === 'spec' && needsContent(type)) return true
  return required && presence !== 'pointer'
}

function needsContent(type: TypeSchema): boolean {
  return type.type === 'struct' && [...type.fields.values()].some(field => field.required)
}

/** The fields of a struct that JSON spreads into its parent, but protobuf nests as `number`. */
export function inlined(
  number: number,
  fields: Readonly<Record<string, FieldSchema>>,
): Readonly<Record<string, FieldSchema>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, inner]) => [
      name,
      { ...inner, within: [number, ...inner.within] },
    ]),
  )
}
