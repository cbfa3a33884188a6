import { readdirSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import protobufjs from 'protobufjs'
import { expect, test } from 'vitest'
import { unreachable } from '../../../platform/errors.js'
import { findWireType, wireTypeOf } from '../decode.js'
import { checkStruct } from '../decode/shape.js'
import type { JsonObject } from '../object.js'
import type { StructSchema, TypeSchema } from '../schema.js'
import { arbitraryObject, objectSchemas } from '../testing/arbitrary-object.js'
import { decodeProtobuf, decodeWatchEvent } from './decoder.js'
import { encodeProtobuf, encodeWatchFrame } from './encoder.js'
import { layoutOf } from './layout.js'
import type { Layout } from './layout.js'

/** The messages of our schemas for protobufjs, which knows nothing of our reader and writer. */
class Messages {
  readonly #root = new protobufjs.Root()
  readonly #known = new Map<StructSchema, string>()
  #count = 0

  constructor() {
    this.#add('Quantity', [['string', 1, 'string']])
    this.#add('IntOrString', [
      ['type', 1, 'int64'],
      ['intVal', 2, 'int32'],
      ['strVal', 3, 'string'],
    ])
    this.#add('Time', [
      ['seconds', 1, 'int64'],
      ['nanos', 2, 'int32'],
    ])
    this.#add('Raw', [['raw', 1, 'bytes']])
    this.#add('TypeMeta', [
      ['apiVersion', 1, 'string'],
      ['kind', 2, 'string'],
    ])
    this.#add('Unknown', [
      ['typeMeta', 1, 'TypeMeta'],
      ['raw', 2, 'bytes'],
      ['contentEncoding', 3, 'string'],
      ['contentType', 4, 'string'],
    ])
  }

  type(name: string): protobufjs.Type {
    return this.#root.lookupType(name)
  }

  struct(schema: StructSchema): string {
    const known = this.#known.get(schema)
    if (known !== undefined) return known
    const name = this.#name()
    this.#known.set(schema, name)
    this.#fill(name, layoutOf(schema))
    return name
  }

  #name(): string {
    this.#count += 1
    return `M${this.#count}`
  }

  #add(name: string, fields: readonly (readonly [string, number, string])[]): void {
    const type = new protobufjs.Type(name)
    for (const [field, number, kind] of fields) {
      type.add(new protobufjs.Field(field, number, kind, 'optional'))
    }
    this.#root.add(type)
  }

  #fill(name: string, layout: Layout): void {
    const type = new protobufjs.Type(name)
    this.#root.add(type)
    for (const entry of layout.descending) {
      const { number } = entry
      const field = `f${number}`
      if (entry.kind === 'nested') {
        const inner = this.#name()
        this.#fill(inner, entry.layout)
        type.add(new protobufjs.Field(field, number, inner, 'optional'))
      } else if (entry.field.type.type === 'list') {
        const items = this.#typeName(entry.field.type.items)
        type.add(
          new protobufjs.Field(field, number, items, 'repeated', undefined, { packed: false }),
        )
      } else if (entry.field.type.type === 'map') {
        const values = this.#typeName(entry.field.type.values)
        type.add(new protobufjs.MapField(field, number, 'string', values))
      } else {
        type.add(new protobufjs.Field(field, number, this.#typeName(entry.field.type), 'optional'))
      }
    }
  }

  #typeName(type: TypeSchema): string {
    switch (type.type) {
      case 'struct':
        return this.struct(type)
      case 'list': {
        const name = this.#name()
        const message = new protobufjs.Type(name)
        message.add(new protobufjs.Field('items', 1, this.#typeName(type.items), 'repeated'))
        this.#root.add(message)
        return name
      }
      case 'quantity':
        return 'Quantity'
      case 'int-or-string':
        return 'IntOrString'
      case 'time':
      case 'micro-time':
        return 'Time'
      case 'union': {
        const name = this.#name()
        const message = new protobufjs.Type(name)
        this.#root.add(message)
        const inner = this.struct(type.struct)
        if (type.bool) message.add(new protobufjs.Field('allows', 1, 'bool', 'optional'))
        message.add(new protobufjs.Field('struct', type.bool ? 2 : 1, inner, 'optional'))
        if (type.list !== null) {
          const items = this.#typeName(type.list.items)
          message.add(new protobufjs.Field('list', 2, items, 'repeated'))
        }
        return name
      }
      case 'json':
      case 'raw':
      case 'fields-v1':
        return 'Raw'
      case 'map':
        throw new Error('no message has maps of maps')
      case 'string':
      case 'bytes':
      case 'bool':
      case 'double':
      case 'int32':
      case 'int64':
        return type.type
      default:
        return unreachable(type)
    }
  }
}

test.each(objectSchemas.map(schema => [schema.name, schema] as const))(
  'another implementation reads and writes %s as we do',
  (_, schema) => {
    const messages = new Messages()
    const message = messages.type(messages.struct(schema))
    const unknown = messages.type('Unknown')
    const find = () => ({ group: 'test', version: 'v1', kind: 'Test', schema })
    const typed = { apiVersion: 'test/v1', kind: 'Test' }
    const arbitrary = arbitraryObject(schema).map(
      object => checkStruct(schema, { ...typed, ...object }).object,
    )
    fc.assert(
      fc.property(arbitrary, object => {
        const bytes = encodeProtobuf(object, schema)
        const envelope = unknown.decode(bytes.subarray(4)) as unknown as JsonObject & {
          readonly raw: Uint8Array
        }
        expect(envelope).toMatchObject({ typeMeta: typed, contentEncoding: '', contentType: '' })
        const theirs = message.encode(message.decode(envelope.raw)).finish()
        // They end fields in another order, but of the same bytes.
        expect(theirs.length).toBe(envelope.raw.length)
        const again = unknown.encode({ typeMeta: typed, raw: theirs }).finish()
        const body = Uint8Array.from([...bytes.subarray(0, 4), ...again])
        expect(decodeProtobuf(body, find)).toEqual(decodeProtobuf(bytes, find))
      }),
      { numRuns: 15 },
    )
  },
)

const fixtures = new URL('./fixtures/', import.meta.url)

test.each(readdirSync(fixtures))('what kubectl sent as %s survives being written by us', file => {
  const text = readFileSync(new URL(file, fixtures), 'utf8').replace(/\s/g, '')
  const object = decodeProtobuf(Uint8Array.from(Buffer.from(text, 'hex')), findWireType)
  const type = wireTypeOf(object)
  if (type === null) throw new Error('the kind is not known')
  expect(decodeProtobuf(encodeProtobuf(object, type.schema), findWireType)).toEqual(object)
})

test('a small object is these bytes', () => {
  const type = findWireType('', 'v1', 'ConfigMap')
  if (type === null) throw new Error('there is no ConfigMap')
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'é', generation: -1 },
    data: { b: '2', a: '' },
  }
  expect(Buffer.from(encodeProtobuf(object, type.schema)).toString('hex')).toBe(
    [
      '6b387300',
      '0a0f0a02763112', // type meta: v1 …
      '09436f6e6669674d6170', // … ConfigMap
      '1220', // raw
      '0a0f0a02c3a938ffffffffffffffffff01', // metadata: name, generation
      '12050a01611200', // data, by key
      '12060a0162120132',
      '1a002200',
    ].join(''),
  )
})

test('a watch frame has its length before it and an envelope inside', () => {
  const type = findWireType('', 'v1', 'Status')
  if (type === null) throw new Error('there is no Status')
  const status = { apiVersion: 'v1', kind: 'Status', code: 410, reason: 'Expired' }
  const frame = encodeWatchFrame('ERROR', encodeProtobuf(status, type.schema))
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  expect(length).toBe(frame.length - 4)
  expect(decodeWatchEvent(frame.subarray(4), findWireType)).toEqual({
    type: 'ERROR',
    object: status,
  })
})

test('a value that is not of its type is refused', () => {
  const type = findWireType('', 'v1', 'ConfigMap')
  if (type === null) throw new Error('there is no ConfigMap')
  const wrong = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 1 } }
  expect(() => encodeProtobuf(wrong, type.schema)).toThrow('a text was expected')
})
