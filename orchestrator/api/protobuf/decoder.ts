// Reads application/vnd.kubernetes.protobuf, which kubectl 1.32 and later sends, through the field
// numbers of the schemas. Counterpart: runtime/serializer/protobuf of k8s.io/apimachinery.
// Unknown field numbers are skipped, as protobuf asks; anything malformed throws ProtobufError.

import { unreachable } from '../../../platform/errors.js'
import { encodeBase64 } from '../base64.js'
import type { Json, JsonObject } from '../object.js'
import { put } from '../record.js'
import type { FieldSchema, ListSchema, StructSchema, TypeSchema, UnionSchema } from '../schema.js'
import { formatMicroTime, formatTime } from '../time.js'
import type { Timestamp } from '../time.js'
import type { WireType } from '../wire-types.js'
import { JsonTextError, nestingMax, parseJsonText } from '../decode/json-text.js'
import { magic } from './encoder.js'
import { layoutOf } from './layout.js'
import type { Layout } from './layout.js'
import { ProtobufError, WireReader } from './wire-reader.js'
import type { WireField } from './wire-reader.js'

export { ProtobufError } from './wire-reader.js'

export type TypeLookup = (group: string, version: string, kind: string) => WireType | null

type Building = { [key: string]: Json }

/**
 * The object in an envelope, with the apiVersion and kind of the envelope.
 * @throws ProtobufError
 */
export function decodeProtobuf(bytes: Uint8Array, find: TypeLookup): JsonObject {
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

/** The event in a frame of a watch, without the frame's length; see `decodeProtobuf`. */
export function decodeWatchEvent(
  bytes: Uint8Array,
  find: TypeLookup,
): { readonly type: string; readonly object: JsonObject } {
  let type = ''
  let envelopeBytes: Uint8Array = new Uint8Array()
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === 1) type = textOf(field)
    if (field.number === 2) envelopeBytes = innerBytes(field)
  }
  return { type, object: decodeProtobuf(envelopeBytes, find) }
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

function decodeStruct(bytes: Uint8Array, schema: StructSchema, depth: number): Building {
  if (depth > nestingMax) throw new ProtobufError('exceeded max depth')
  const result: Building = {}
  decodeInto(result, bytes, layoutOf(schema), depth)
  return result
}

function decodeInto(result: Building, bytes: Uint8Array, layout: Layout, depth: number): void {
  for (const wire of new WireReader(bytes).fields()) {
    const entry = layout.byNumber.get(wire.number)
    if (entry?.kind === 'nested') decodeInto(result, bytesOf(wire), entry.layout, depth)
    else if (entry?.kind === 'field') addField(result, entry.name, entry.field, wire, depth)
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
  if (type.type === 'list') return []
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
      return doubleOf(wire)
    case 'quantity':
      return firstText(wire) || '0'
    case 'int-or-string':
      return intOrString(wire)
    case 'time':
    case 'micro-time':
      return timeOf(wire, type.type)
    case 'json':
    case 'fields-v1':
    case 'raw':
      return rawJson(wire)
    case 'union':
      return unionOf(wire, type, depth)
    case 'list':
      return innerList(wire, type, depth)
    case 'map':
      throw new ProtobufError('maps inside of lists and maps are not supported')
    default:
      return unreachable(type)
  }
}

/** A list where only one value fits, in a list or map: a message has it as field 1. */
function innerList(wire: WireField, type: ListSchema, depth: number): Json {
  const items: Json[] = []
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === 1) items.push(...listItems(field, type.items, depth + 1))
  }
  return items
}

/** A struct if there is one, whatever stands beside it. */
function unionOf(wire: WireField, type: UnionSchema, depth: number): Json {
  const structNumber = type.bool ? 2 : 1
  let allowed = false
  let found: Json | undefined
  const items: Json[] = []
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === structNumber) found = decodeValue(field, type.struct, depth + 1)
    else if (type.bool && field.number === 1) allowed = field.varint === 1n
    else if (type.list !== null && field.number === 2) {
      items.push(...listItems(field, type.list.items, depth + 1))
    }
  }
  return found ?? (type.bool ? allowed : items)
}

function doubleOf(wire: WireField): Json {
  if (wire.varint === null) throw new ProtobufError('a number was expected')
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, wire.varint)
  const value = view.getFloat64(0)
  if (!Number.isFinite(value)) throw new ProtobufError('a number is not finite')
  return value === 0 ? 0 : value
}

function scalarOfVarint(value: bigint | null, type: TypeSchema['type']): Json {
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
  return utf8(bytesOf(wire))
}

function utf8(bytes: Uint8Array): string {
  try {
    // A byte order mark is a character like any other here.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
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

/** The content of a RawExtension, in field 1. */
function innerBytes(wire: WireField): Uint8Array {
  let bytes: Uint8Array = new Uint8Array()
  for (const field of new WireReader(bytesOf(wire)).fields()) {
    if (field.number === 1) bytes = bytesOf(field)
  }
  return bytes
}

function rawJson(wire: WireField): Json | undefined {
  const bytes = innerBytes(wire)
  if (bytes.length === 0) return undefined
  try {
    return parseJsonText(utf8(bytes)).value
  } catch (error) {
    if (error instanceof JsonTextError) throw new ProtobufError(error.message)
    throw error
  }
}
