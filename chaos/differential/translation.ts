// Between an operation as data and a message on the wire: symbols become this side's numbers on the
// way out, and what is random in an answer (ids of members, terms, leases that a server picked)
// becomes symbols on the way back. What is zero is left out of an answer, as on the wire; that a
// message is there is kept.

import Long from 'long'
import type { Field, Type } from 'protobufjs'
import protobuf from 'protobufjs'

import { asText, type Message, type Value } from './operation.js'

const { Enum, Type: MessageType } = protobuf

/** A lease that nobody granted. */
const strangerLease = '7777'

export class Symbols {
  /** The newest revision that both sides have told. */
  revision = 1
  readonly #leases = new Map<string, string>()
  readonly #names = new Map<string, string>()

  nameLease(name: string, id: string): void {
    this.#leases.set(name, id)
    this.#names.set(id, `$${name}`)
  }

  nameOf(lease: string): string {
    return this.#names.get(lease) ?? lease
  }

  integer(value: Value): Long {
    if (typeof value === 'number') return Long.fromNumber(value)
    if (typeof value !== 'string') throw new TypeError(`${JSON.stringify(value)} is no integer`)
    if (value.startsWith('$')) {
      return Long.fromString(this.#leases.get(value.slice(1)) ?? strangerLease)
    }
    // Never below the first: 0 would mean the newest, and what is negative means nothing.
    if (value.startsWith('now')) {
      return Long.fromNumber(Math.max(1, this.revision + Number(value.slice(3))))
    }
    return Long.fromString(value)
  }
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && 'repeat' in value) {
    return asText(value['repeat']).repeat(Number(value['times']))
  }
  throw new TypeError(`${JSON.stringify(value)} is no text`)
}

export function toWire(type: Type, message: Message, symbols: Symbols): Record<string, unknown> {
  const wire: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    const field = type.fields[name]
    if (field === undefined) throw new TypeError(`${type.name} has no field ${name}`)
    field.resolve()
    // Written out, an empty end would be another thing to etcd than one that is left out.
    if (value === '' && field.partOf === null) continue
    wire[name] = Array.isArray(value)
      ? (value as readonly Value[]).map(item => valueToWire(field, item, symbols))
      : valueToWire(field, value, symbols)
  }
  return wire
}

function valueToWire(field: Field, value: Value, symbols: Symbols): unknown {
  const type = field.resolvedType
  if (type instanceof MessageType) return toWire(type, value as Message, symbols)
  if (type instanceof Enum) return typeof value === 'string' ? type.values[value] : value
  switch (field.type) {
    case 'bytes':
      return Buffer.from(textOf(value), 'latin1')
    case 'int64':
    case 'uint64':
      return symbols.integer(value)
    default:
      return value
  }
}

/** A decoded message as comparable data. */
export function fromWire(type: Type, decoded: object, symbols: Symbols): Message {
  const message: Record<string, Value> = {}
  const fields = decoded as Readonly<Record<string, unknown>>
  for (const field of type.fieldsArray) {
    const value = fields[field.name]
    if (value === null || value === undefined) continue
    if (field.repeated) {
      const items = value as readonly unknown[]
      if (items.length > 0) {
        message[field.name] = items.map(item => valueFromWire(type, field, item, symbols))
      }
      continue
    }
    const plain = valueFromWire(type, field, value, symbols)
    if (plain !== '' && plain !== 0 && plain !== '0' && plain !== false) {
      message[field.name] = plain
    }
  }
  return message
}

const randomFields = new Set(['cluster_id', 'member_id', 'raft_term'])
const leaseFields = new Set(['lease', 'ID'])

function valueFromWire(type: Type, field: Field, value: unknown, symbols: Symbols): Value {
  const inner = field.resolvedType
  if (inner instanceof MessageType) return fromWire(inner, value as object, symbols)
  if (inner instanceof Enum) return inner.valuesById[Number(value)] ?? Number(value)
  switch (field.type) {
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('latin1')
    case 'int64':
    case 'uint64': {
      const text = String(value)
      if (text === '0') return text
      if (type.name === 'ResponseHeader' && randomFields.has(field.name)) return '#'
      return leaseFields.has(field.name) ? symbols.nameOf(text) : text
    }
    default:
      return value as Value
  }
}
