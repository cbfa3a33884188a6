// Writes application/vnd.kubernetes.protobuf: objects in their envelope, and the frames of a watch.
// Counterpart: runtime/serializer/protobuf of k8s.io/apimachinery. What an object has is written, empty
// or not; what it has not is left out, where Go would write the empty value: readers see the same.

import { unreachable } from '../../../platform/errors.js'
import { decodeBase64 } from '../base64.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import type { StructSchema, TypeSchema, UnionSchema } from '../schema.js'
import { parseTime } from '../time.js'
import { layoutOf } from './layout.js'
import type { Layout } from './layout.js'
import { ProtobufError } from './wire-reader.js'
import { WireWriter } from './wire-writer.js'

const encoder = new TextEncoder()

/** "k8s" and a zero byte. */
export const magic: Uint8Array = Uint8Array.of(0x6b, 0x38, 0x73, 0)

/**
 * An object in its envelope, which names apiVersion and kind as the object does.
 * @throws ProtobufError where a value is not of its field's type
 */
export function encodeProtobuf(object: JsonObject, schema: StructSchema): Uint8Array {
  return joined(enveloped(object, [encodeMessage(object, schema)]))
}

/** The message alone, which does not say of what type it is. Throws as `encodeProtobuf` does. */
export function encodeMessage(object: JsonObject, schema: StructSchema): Uint8Array {
  const writer = new WireWriter()
  writeStruct(writer, object, layoutOf(schema))
  return writer.finish()
}

/** A message, in parts, of the type that `apiVersion` and `kind` name, in its envelope. */
export function enveloped(
  { apiVersion, kind }: JsonObject,
  message: readonly Uint8Array[],
): readonly Uint8Array[] {
  const opening = new WireWriter()
  opening.opening(
    2,
    message.reduce((sum, part) => sum + part.length, 0),
  )
  opening.message(1, () => {
    opening.text(2, textOf(kind ?? ''))
    opening.text(1, textOf(apiVersion ?? ''))
  })
  const closing = new WireWriter()
  // Content encoding and type: Go writes them, always empty.
  closing.text(4, '')
  closing.text(3, '')
  return [magic, opening.finish(), ...message, closing.finish()]
}

/** A list in its envelope, in parts, of items that are messages already. `head`: the list without them. */
export function envelopedList(
  head: JsonObject,
  schema: StructSchema,
  items: readonly Uint8Array[],
): readonly Uint8Array[] {
  const message = [encodeMessage(head, schema)]
  for (const item of items) {
    const writer = new WireWriter()
    writer.opening(itemsNumber, item.length)
    message.push(writer.finish(), item)
  }
  return enveloped(head, message)
}

/** The field of every list, as it is of those in k8s.io/api. */
const itemsNumber = 2

/** One frame of a watch: the length in four bytes, then the event with the object's envelope in it. */
export function encodeWatchFrame(type: string, envelope: Uint8Array): Uint8Array {
  const writer = new WireWriter()
  writer.message(2, () => writer.bytes(1, envelope))
  writer.text(1, type)
  const event = writer.finish()
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, event.length)
  return joined([length, event])
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}

function writeStruct(writer: WireWriter, object: JsonObject, layout: Layout): void {
  for (const entry of layout.descending) {
    if (entry.kind === 'nested') {
      if (hasAny(object, entry.layout)) {
        writer.message(entry.number, () => writeStruct(writer, object, entry.layout))
      }
    } else if (Object.hasOwn(object, entry.name)) {
      const value = object[entry.name] ?? null
      if (value !== null) writeField(writer, entry.number, entry.field.type, value)
    }
  }
}

function hasAny(object: JsonObject, layout: Layout): boolean {
  return layout.descending.some(entry =>
    entry.kind === 'nested' ? hasAny(object, entry.layout) : Object.hasOwn(object, entry.name),
  )
}

function writeField(writer: WireWriter, number: number, type: TypeSchema, value: Json): void {
  if (type.type === 'list') {
    for (const item of listOf(value).toReversed()) writeValue(writer, number, type.items, item)
  } else if (type.type === 'map') {
    const entries = objectOf(value)
    for (const key of Object.keys(entries).toSorted().reverse()) {
      writer.message(number, () => {
        writeValue(writer, 2, type.values, entries[key] ?? null)
        writer.text(1, key)
      })
    }
  } else {
    writeValue(writer, number, type, value)
  }
}

function writeValue(writer: WireWriter, number: number, type: TypeSchema, value: Json): void {
  switch (type.type) {
    case 'struct':
      writer.message(number, () => writeStruct(writer, objectOf(value), layoutOf(type)))
      return
    case 'list':
    case 'map':
      // Inside of a list or map there is a message around them, as ExtraValue is.
      writer.message(number, () => writeField(writer, 1, type, value))
      return
    case 'string':
      writer.text(number, textOf(value))
      return
    case 'bytes':
      writer.bytes(number, decodeBase64(textOf(value)))
      return
    case 'int32':
    case 'int64':
      writer.integer(number, integerOf(value))
      return
    case 'bool':
      writer.bool(number, value === true)
      return
    case 'double':
      writer.double(number, Number(value))
      return
    case 'quantity':
      writer.message(number, () => writer.text(1, textOf(value)))
      return
    case 'int-or-string':
      writeIntOrString(writer, number, value)
      return
    case 'time':
    case 'micro-time':
      writeTime(writer, number, textOf(value))
      return
    case 'union':
      writer.message(number, () => writeUnion(writer, type, value))
      return
    case 'json':
    case 'fields-v1':
    case 'raw':
      writer.message(number, () => writer.bytes(1, encoder.encode(JSON.stringify(value))))
      return
    default:
      unreachable(type)
  }
}

/** A boolean stands before the struct, a list behind it. */
function writeUnion(writer: WireWriter, type: UnionSchema, value: Json): void {
  if (typeof value === 'boolean') writer.bool(1, value)
  else if (Array.isArray(value) && type.list !== null) writeField(writer, 2, type.list, value)
  else {
    writeValue(writer, type.bool ? 2 : 1, type.struct, value)
    if (type.bool) writer.bool(1, true)
  }
}

function writeIntOrString(writer: WireWriter, number: number, value: Json): void {
  const isText = typeof value === 'string'
  writer.message(number, () => {
    writer.text(3, isText ? value : '')
    writer.integer(2, isText ? 0 : integerOf(value))
    writer.integer(1, isText ? 1 : 0)
  })
}

function writeTime(writer: WireWriter, number: number, value: string): void {
  const time = parseTime(value)
  if (time === null) throw new ProtobufError('a time is not in RFC 3339')
  writer.message(number, () => {
    writer.integer(2, time.nanos)
    writer.integer(1, time.seconds)
  })
}

function textOf(value: Json): string {
  if (typeof value !== 'string') throw new ProtobufError('a text was expected')
  return value
}

function integerOf(value: Json): number {
  if (!Number.isSafeInteger(value)) throw new ProtobufError('an integer was expected')
  return value as number
}

function listOf(value: Json): readonly Json[] {
  if (!Array.isArray(value)) throw new ProtobufError('a list was expected')
  return value as readonly Json[]
}

function objectOf(value: Json): JsonObject {
  if (!isJsonObject(value)) throw new ProtobufError('an object was expected')
  return value
}
