// Messages of protobuf as values, both ways, from one description a message. Counterpart: generated
// code. Absent fields have their default, so that users need not ask; fields that nobody knows are
// skipped. Integers are JavaScript numbers: those beyond 2^53 are refused unless a reader asks for the nearest.

import protobuf from 'protobufjs/minimal.js'
import type { Reader, Writer } from 'protobufjs'
import { RaftsmanError } from './errors.js'

/** Nested messages in one another, and all nested messages of one: a request is decoded no further. */
const depthMax = 300
const messagesMax = 65_536

/** Bytes that are no message of the type, or one that we do not take. */
export class MalformedMessage extends RaftsmanError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'malformed-message', retryable: false, outcome: 'not-applied', cause })
  }
}

/** A number that stands for nothing here, though others would take it. */
export class IntegerTooLarge extends RaftsmanError {
  constructor() {
    super('raftsman: integers beyond 2^53 are not served', {
      code: 'integer-too-large',
      retryable: false,
      outcome: 'not-applied',
    })
  }
}

interface Budget {
  depth: number
  messages: number
  /** Integers beyond 2^53 are taken as the nearest number. */
  readonly rounded: boolean
}

export interface DecodeOptions {
  /** For what another server names by 64 bits; else those are refused. */
  readonly rounded: boolean
}

/** `T` is what is read, `E` what may be written: null and undefined are left out, as defaults are. */
export interface Field<T, E = T> {
  readonly number: number
  readonly type: string
  readonly repeated: boolean
  /** Null: absent fields are told from those with the default. */
  readonly initial: () => T
  /** `before`: the value so far, to which a list is added. */
  readonly read: (reader: Reader, wireType: number, before: unknown, budget: Budget) => T
  readonly write: (writer: Writer, value: E) => void
}

type Fields = Readonly<Record<string, Field<unknown, never>>>
type ValueOf<F> = F extends Field<infer T, infer _E> ? T : never
type InputOf<F> = F extends Field<infer _T, infer E> ? E : never

/** What a message type reads. */
export type Decoded<M> = M extends MessageType<infer T, infer _E> ? T : never
/** What a message type writes. */
export type Encodable<M> = M extends MessageType<infer _T, infer E> ? E : never

export interface MessageType<T, E = T> {
  /** With its package, as in "etcdserverpb.PutRequest". */
  readonly name: string
  readonly fields: Fields
  /** Of a message without fields. */
  readonly empty: () => T
  /** @throws MalformedMessage and IntegerTooLarge, and nothing else, whatever the bytes. */
  decode(bytes: Uint8Array, options?: DecodeOptions): T
  encode(message: E): Uint8Array
  /** Without a length, into a message that is being written. */
  write(writer: Writer, message: E): void
  /** Up to `end`. For fields of this type. */
  read(reader: Reader, end: number, budget: Budget): T
}

const exact: DecodeOptions = { rounded: false }

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

export function message<F extends Fields>(
  name: string,
  fields: F,
): MessageType<
  { readonly [K in keyof F]: ValueOf<F[K]> },
  { readonly [K in keyof F]?: InputOf<F[K]> | null | undefined }
> {
  type T = { readonly [K in keyof F]: ValueOf<F[K]> }
  type E = { readonly [K in keyof F]?: InputOf<F[K]> | null | undefined }
  const list = Object.entries(fields).sort(([, a], [, b]) => a.number - b.number)
  const byNumber: (readonly [string, Field<unknown, never>] | undefined)[] = []
  for (const one of list) byNumber[one[1].number] = one
  const writers = list.map(
    ([key, field]) => [key, field.write as (writer: Writer, value: unknown) => void] as const,
  )
  const empty = (): T => {
    const value: Record<string, unknown> = {}
    for (const [key, field] of list) value[key] = field.initial()
    return value as T
  }
  const read = (reader: Reader, end: number, budget: Budget): T => {
    const value = empty() as Record<string, unknown>
    while (reader.pos < end) {
      const tag = reader.uint32()
      const wireType = tag & 7
      const known = byNumber[tag >>> 3]
      if (known === undefined) {
        if (tag >>> 3 === 0) throw new MalformedMessage('a field has no number')
        reader.skipType(wireType)
        continue
      }
      const [key, field] = known
      value[key] = field.read(reader, wireType, value[key], budget)
    }
    if (reader.pos !== end) throw new MalformedMessage('a message is cut')
    return value as T
  }
  const write = (writer: Writer, value: E): void => {
    const values = value as Readonly<Record<string, unknown>>
    for (const [key, writeField] of writers) {
      const one = values[key]
      if (one !== undefined && one !== null) writeField(writer, one)
    }
  }
  return {
    name,
    fields,
    empty,
    read,
    write,
    decode(bytes, { rounded } = exact) {
      try {
        const reader = protobuf.Reader.create(bytes)
        return read(reader, bytes.length, { depth: 0, messages: 0, rounded })
      } catch (error) {
        if (error instanceof RaftsmanError) throw error
        throw new MalformedMessage('the bytes are no message', error)
      }
    },
    encode(value) {
      const writer = protobuf.Writer.create()
      write(writer, value)
      return writer.finish()
    },
  }
}

function expect(wireType: number, expected: number): void {
  if (wireType !== expected) throw new MalformedMessage('a field has the wrong wire type')
}

/** With a list, or with a scalar that may be absent, the default is written as well. */
interface Scalar<T> {
  readonly type: string
  readonly wireType: number
  readonly initial: T
  readonly isDefault: (value: T) => boolean
  readonly read: (reader: Reader, budget: Budget) => T
  readonly write: (writer: Writer, value: T) => void
}

const noBytes = new Uint8Array(0)

const scalars = {
  bytes: {
    type: 'bytes',
    wireType: wire.bytes,
    initial: noBytes as Uint8Array,
    isDefault: value => value.length === 0,
    read: reader => reader.bytes(),
    write: (writer, value) => writer.bytes(value),
  } satisfies Scalar<Uint8Array>,
  string: {
    type: 'string',
    wireType: wire.bytes,
    initial: '',
    isDefault: value => value === '',
    read: reader => reader.string(),
    write: (writer, value) => writer.string(value),
  } satisfies Scalar<string>,
  bool: {
    type: 'bool',
    wireType: wire.varint,
    initial: false as boolean,
    isDefault: value => !value,
    read: reader => reader.bool(),
    write: (writer, value) => writer.bool(value),
  } satisfies Scalar<boolean>,
  int64: number64('int64', true),
  uint64: number64('uint64', false),
  uint32: {
    type: 'uint32',
    wireType: wire.varint,
    initial: 0,
    isDefault: value => value === 0,
    read: reader => reader.uint32(),
    write: (writer, value) => writer.uint32(value),
  } satisfies Scalar<number>,
}

function number64(type: string, signed: boolean): Scalar<number> {
  return {
    type,
    wireType: wire.varint,
    initial: 0,
    isDefault: value => value === 0,
    read: (reader, { rounded }) => readInteger(reader, signed, rounded),
    write: signed
      ? (writer, value) => writer.int64(value)
      : (writer, value) => writer.uint64(value),
  }
}

/** A varint of 64 bits without an object for its halves. */
function readInteger(reader: Reader, signed: boolean, rounded: boolean): number {
  const { buf, len } = reader
  let { pos } = reader
  let low = 0
  let middle = 0
  let high = 0
  for (let at = 0; ; at++) {
    if (pos >= len || at === 10) throw new MalformedMessage('a number is cut')
    const byte = buf[pos++] as number
    const bits = byte & 0x7f
    if (at < 4) low |= bits << (at * 7)
    else if (at < 8) middle |= bits << ((at - 4) * 7)
    else high |= bits << ((at - 8) * 7)
    if (byte < 0x80) break
  }
  reader.pos = pos
  high &= 0xff
  const negative = signed && high > 0x7f
  const value = negative
    ? -((~low & 0xfffffff) + 1 + (~middle & 0xfffffff) * 2 ** 28 + (~high & 0xff) * 2 ** 56)
    : low + middle * 2 ** 28 + high * 2 ** 56
  if (!rounded && !Number.isSafeInteger(value)) throw new IntegerTooLarge()
  return value
}

function single<T>(number: number, scalar: Scalar<T>): Field<T> {
  const tag = (number << 3) | scalar.wireType
  return {
    number,
    type: scalar.type,
    repeated: false,
    initial: () => scalar.initial,
    read(reader, wireType, _before, budget) {
      expect(wireType, scalar.wireType)
      return scalar.read(reader, budget)
    },
    write(writer, value) {
      if (scalar.isDefault(value)) return
      writer.uint32(tag)
      scalar.write(writer, value)
    },
  }
}

function many<T>(number: number, scalar: Scalar<T>): Field<readonly T[]> {
  const tag = (number << 3) | scalar.wireType
  return {
    number,
    type: scalar.type,
    repeated: true,
    initial: () => [],
    read(reader, wireType, before, budget) {
      const values = before as T[]
      // Numbers may come one by one or packed, whatever the writer's version.
      if (wireType === wire.bytes && scalar.wireType === wire.varint) {
        const end = reader.uint32() + reader.pos
        while (reader.pos < end) values.push(counted(budget, scalar.read(reader, budget)))
      } else {
        expect(wireType, scalar.wireType)
        values.push(counted(budget, scalar.read(reader, budget)))
      }
      return values
    },
    write(writer, values) {
      if (scalar.wireType === wire.varint && values.length > 0) {
        writer.uint32((number << 3) | wire.bytes).fork()
        for (const value of values) scalar.write(writer, value)
        writer.ldelim()
        return
      }
      for (const value of values) {
        writer.uint32(tag)
        scalar.write(writer, value)
      }
    },
  }
}

function counted<T>(budget: Budget, value: T): T {
  budget.messages += 1
  if (budget.messages > messagesMax) throw new MalformedMessage('a message has too many parts')
  return value
}

export const bytes = (number: number) => single(number, scalars.bytes)
export const string = (number: number) => single(number, scalars.string)
export const bool = (number: number) => single(number, scalars.bool)
export const int64 = (number: number) => single(number, scalars.int64)
/** That counts or is compared: beyond 2^53, where the store has nothing, the nearest number will do. */
export const magnitude = (number: number) =>
  single(number, { ...scalars.int64, read: reader => readInteger(reader, true, true) })
export const uint64 = (number: number) => single(number, scalars.uint64)
export const uint32 = (number: number) => single(number, scalars.uint32)
/** Its number: what a later version may add is nobody's error here. */
export const enumeration = (number: number, name: string): Field<number> =>
  single(number, { ...scalars.uint32, type: name })

export const manyBytes = (number: number) => many(number, scalars.bytes)
export const manyStrings = (number: number) => many(number, scalars.string)
export const manyInt64 = (number: number) => many(number, scalars.int64)
export const manyEnumerations = (number: number, name: string): Field<readonly number[]> =>
  many(number, { ...scalars.uint32, type: name })

/** One of a `oneof`: null when it is another one, or none. */
export function optional<T>(field: Field<T>): Field<T | null, T> {
  const { number, type, read } = field
  const scalar = Object.values(scalars).find(one => one.type === type) as Scalar<T> | undefined
  const tag = (number << 3) | (scalar?.wireType ?? wire.varint)
  return {
    number,
    type,
    repeated: false,
    initial: () => null,
    read: (reader, wireType, before, budget) => read(reader, wireType, before, budget),
    write(writer, value) {
      writer.uint32(tag)
      scalar?.write(writer, value)
    },
  }
}

/** A nested message; null when absent. Given as a function, for messages that contain themselves. */
export function nested<T, E>(number: number, type: () => MessageType<T, E>): Field<T | null, E> {
  const tag = (number << 3) | wire.bytes
  return {
    number,
    get type() {
      return type().name
    },
    repeated: false,
    initial: () => null,
    read: (reader, wireType, _before, budget) => readNested(reader, wireType, type(), budget),
    write(writer, value) {
      type().write(writer.uint32(tag).fork(), value)
      writer.ldelim()
    },
  }
}

export function manyNested<T, E>(
  number: number,
  type: () => MessageType<T, E>,
): Field<readonly T[], readonly E[]> {
  const tag = (number << 3) | wire.bytes
  return {
    number,
    get type() {
      return type().name
    },
    repeated: true,
    initial: () => [],
    read(reader, wireType, before, budget) {
      const values = before as T[]
      values.push(readNested(reader, wireType, type(), budget))
      return values
    },
    write(writer, values) {
      for (const value of values) {
        type().write(writer.uint32(tag).fork(), value)
        writer.ldelim()
      }
    },
  }
}

const entry = message('map entry', { key: string(1), value: string(2) })

/** A `map<string, string>`; of a key that comes twice, the last. */
export function stringMap(number: number): Field<Readonly<Record<string, string>>> {
  const entries = manyNested(number, () => entry)
  return {
    number,
    type: 'map<string, string>',
    repeated: false,
    initial: () => Object.create(null) as Record<string, string>,
    read(reader, wireType, before, budget) {
      const values = before as Record<string, string>
      for (const { key, value } of entries.read(reader, wireType, [], budget)) values[key] = value
      return values
    },
    write(writer, values) {
      const list = Object.entries(values).map(([key, value]) => ({ key, value }))
      entries.write(writer, list)
    },
  }
}

function readNested<T, E>(
  reader: Reader,
  wireType: number,
  type: MessageType<T, E>,
  budget: Budget,
): T {
  expect(wireType, wire.bytes)
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new MalformedMessage('a message is cut')
  if (budget.depth === depthMax)
    throw new MalformedMessage('messages stand too deep in one another')
  counted(budget, null)
  budget.depth += 1
  const value = type.read(reader, end, budget)
  budget.depth -= 1
  return value
}
