// Reads application/vnd.kubernetes.protobuf, which kubectl 1.32 and later sends, through the field
// numbers of the schemas. Counterpart: runtime/serializer/protobuf of k8s.io/apimachinery.
// Unknown field numbers are skipped, as protobuf asks; anything malformed throws ProtobufError.

import { unreachable } from '../../../platform/errors.js'
import { encodeBase64 } from '../base64.js'
import type { Json, JsonObject } from '../object.js'
import { put } from '../record.js'
import type { FieldSchema, ScalarType, StructSchema, TypeSchema } from '../schema.js'
import { formatMicroTime, formatTime } from '../time.js'
import type { Timestamp } from '../time.js'
import type { WireType } from '../wire-types.js'
import { JsonTextError, nestingMax, parseJsonText } from './json-text.js'
import { ProtobufError, WireReader } from './wire-reader.js'
import type { WireField } from './wire-reader.js'

export { ProtobufError } from './wire-reader.js'

/** "k8s" and a zero byte. */
const magic = [0x6b, 0x38, 0x73, 0x00] as const

type Building = { [key: string]: Json }

/**
 * The object in an envelope, with the apiVersion and kind of the envelope.
 * @throws ProtobufError
 */
export function decodeProtobuf(
  bytes: Uint8Array,
  find: (group: string, version: string, kind: string) => WireType | null,
): JsonObject {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new ProtobufError('the body does not begin as Kubernetes protobuf does')
  }
  const { apiVersion, kind, raw } = envelope(bytes.subarray(magic.length))
  const slash = apiVersion.indexOf('/')
  const type = find(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind)
  if (type === null) {
    throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`)
  }
  return { apiVersion, kind, ...decodeStruct(raw, type.schema, 0) }
}

/** runtime.Unknown: type meta 1, raw 2, content encoding 3, content type 4. */
function envelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const result: { apiVersion: string; kind: string; raw: Uint8Array } = {
    apiVersion: '',
    kind: '',
    raw: new Uint8Array(),
  }
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === 1) {
      for (const inner of new WireReader(bytesOf(field)).fields()) {
        if (inner.number === 1) result.apiVersion = textOf(inner)
        if (inner.number === 2) result.kind = textOf(inner)
      }
    } else if (field.number === 2) {
      result.raw = bytesOf(field)
    } else if (field.number === 3 && textOf(field) !== '') {
      throw new ProtobufError('encoded content is not supported')
    }
  }
  return result
}

interface Numbered {
  /** By number. */
  readonly fields: ReadonlyMap<number, readonly [name: string, field: FieldSchema]>
  /** Messages whose fields JSON spreads into the struct, by number. */
  readonly nested: ReadonlyMap<number, Numbered>
}

const numberedSchemas = new WeakMap<StructSchema, Numbered>()

function numbered(schema: StructSchema): Numbered {
  const known = numberedSchemas.get(schema)
  if (known !== undefined) return known
  const result = numberedBelow([...schema.fields], 0)
  numberedSchemas.set(schema, result)
  return result
}

function numberedBelow(all: readonly (readonly [string, FieldSchema])[], depth: number): Numbered {
  const fields = new Map<number, readonly [string, FieldSchema]>()
  const deeper = new Map<number, (readonly [string, FieldSchema])[]>()
  for (const entry of all) {
    const [, { number, within }] = entry
    if (number === 0) continue
    const wrapper = within[depth]
    if (wrapper === undefined) fields.set(number, entry)
    else deeper.set(wrapper, [...(deeper.get(wrapper) ?? []), entry])
  }
  const nested = [...deeper].map(
    ([number, inner]) => [number, numberedBelow(inner, depth + 1)] as const,
  )
  return { fields, nested: new Map(nested) }
}

function decodeStruct(bytes: Uint8Array, schema: StructSchema, depth: number): Building {
  if (depth > nestingMax) throw new ProtobufError('exceeded max depth')
  const result: Building = {}
  decodeInto(result, bytes, numbered(schema), depth)
  return result
}

function decodeInto(result: Building, bytes: Uint8Array, known: Numbered, depth: number): void {
  for (const wire of new WireReader(bytes).fields()) {
    const nested = known.nested.get(wire.number)
    const entry = known.fields.get(wire.number)
    if (nested !== undefined) decodeInto(result, bytesOf(wire), nested, depth)
    else if (entry !== undefined) addField(result, entry[0], entry[1], wire, depth)
  }
}

function addField(
  target: Building,
  name: string,
  field: FieldSchema,
  wire: WireField,
  depth: number,
): void {
  const { type } = field
  if (type.type === 'list') {
    const items = (target[name] ?? []) as Json[]
    items.push(...listItems(wire, type.items, depth))
    target[name] = items
  } else if (type.type === 'map') {
    const entries = (target[name] ?? {}) as Building
    const [key, value] = mapEntry(wire, type.values, depth)
    put(entries, key, value)
    target[name] = entries
  } else {
    const value = decodeValue(wire, type, depth)
    // What is empty and no pointer was never set: the wire carries it all the same.
    if (value === undefined || (field.presence !== 'pointer' && isEmpty(value))) return
    target[name] = value
  }
}

function isEmpty(value: Json): boolean {
  if (value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** Numbers may come one by one or packed into one field. */
function listItems(wire: WireField, type: TypeSchema, depth: number): readonly Json[] {
  const packed =
    wire.bytes !== null && (type.type === 'int32' || type.type === 'int64' || type.type === 'bool')
  if (!packed) return [decodeValue(wire, type, depth) ?? null]
  return new WireReader(bytesOf(wire)).varints().map(value => scalarOfVarint(value, type.type))
}

function mapEntry(wire: WireField, type: TypeSchema, depth: number): readonly [string, Json] {
  let key = ''
  let value: Json | undefined
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === 1) key = textOf(field)
    if (field.number === 2) value = decodeValue(field, type, depth)
  }
  return [key, value ?? emptyValue(type)]
}

function emptyValue(type: TypeSchema): Json {
  if (type.type === 'string' || type.type === 'bytes') return ''
  if (type.type === 'quantity') return '0'
  return type.type === 'struct' || type.type === 'map' ? {} : 0
}

function decodeValue(wire: WireField, type: TypeSchema, depth: number): Json | undefined {
  switch (type.type) {
    case 'struct':
      return decodeStruct(bytesOf(wire), type, depth + 1)
    case 'string':
      return textOf(wire)
    case 'bytes':
      return encodeBase64(bytesOf(wire))
    case 'int32':
    case 'int64':
    case 'bool':
      return scalarOfVarint(wire.varint, type.type)
    case 'double':
      throw new ProtobufError('floating point fields are not supported')
    case 'quantity':
      return firstText(wire) || '0'
    case 'int-or-string':
      return intOrString(wire)
    case 'time':
    case 'micro-time':
      return timeOf(wire, type.type)
    case 'fields-v1':
    case 'raw':
      return rawJson(wire)
    case 'list':
    case 'map':
      throw new ProtobufError('lists of lists are not supported')
    default:
      return unreachable(type)
  }
}

function scalarOfVarint(value: bigint | null, type: ScalarType | 'struct' | 'list' | 'map'): Json {
  if (value === null) throw new ProtobufError('a number was expected')
  if (type === 'bool') return value !== 0n
  const signed = BigInt.asIntN(64, value)
  const number = Number(signed)
  if (!Number.isSafeInteger(number)) {
    throw new ProtobufError(`number ${signed} cannot be kept exactly`)
  }
  return number
}

function bytesOf(wire: WireField): Uint8Array {
  if (wire.bytes === null) throw new ProtobufError('a message was expected')
  return wire.bytes
}

function textOf(wire: WireField): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(wire))
  } catch (error) {
    if (error instanceof ProtobufError) throw error
    throw new ProtobufError('a text is not UTF-8')
  }
}

/** A message whose field 1 is text, as Quantity is. */
function firstText(wire: WireField): string {
  let text = ''
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === 1) text = textOf(field)
  }
  return text
}

function intOrString(wire: WireField): Json {
  let isText = false
  let number: Json = 0
  let text = ''
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === 1) isText = field.varint === 1n
    if (field.number === 2) number = scalarOfVarint(field.varint, 'int32')
    if (field.number === 3) text = textOf(field)
  }
  return isText ? text : number
}

/** An empty message is the zero time: absent. */
function timeOf(wire: WireField, type: 'time' | 'micro-time'): Json | undefined {
  const fields = [...new WireReader(bytesOf(wire)).fields()]
  if (fields.length === 0) return undefined
  const time: { -readonly [key in keyof Timestamp]: number } = { seconds: 0, nanos: 0 }
  for (const field of fields) {
    const value = Number(scalarOfVarint(field.varint, 'int64'))
    if (field.number === 1) time.seconds = value
    if (field.number === 2) time.nanos = value
  }
  if (Math.abs(time.seconds) > 253_402_300_799 || time.nanos < 0 || time.nanos >= 1e9) {
    throw new ProtobufError('a time is out of range')
  }
  return type === 'time' ? formatTime(time) : formatMicroTime(time)
}

function rawJson(wire: WireField): Json | undefined {
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number !== 1) continue
    const bytes = bytesOf(field)
    if (bytes.length === 0) return undefined
    try {
      return parseJsonText(textOf(field)).value
    } catch (error) {
      if (error instanceof JsonTextError) throw new ProtobufError(error.message)
      throw error
    }
  }
  return undefined
}
