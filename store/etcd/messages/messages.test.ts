// The messages as TypeScript and as proto files say the same, and so does another implementation of
// protobuf that is given the proto files.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'

import { must } from '../../../platform/errors.js'
import type { Field, MessageType } from '../../../platform/protobuf-message.js'
import * as auth from './auth.js'
import * as cluster from './cluster.js'
import * as kv from './kv.js'
import * as lease from './lease.js'
import * as lock from './lock.js'
import * as maintenance from './maintenance.js'
import * as watch from './watch.js'

type AnyMessage = MessageType<unknown, never>
const isMessage = (value: unknown): value is AnyMessage =>
  typeof value === 'object' && value !== null && 'decode' in value

const messages = [auth, cluster, kv, lease, lock, maintenance, watch]
  .flatMap((module): unknown[] => Object.values(module))
  .filter(isMessage)

const folder = fileURLToPath(new URL('../proto', import.meta.url))
const root = new protobuf.Root()
root.resolvePath = (_origin, target) => join(folder, target.split('/').at(-1) ?? target)
root.loadSync(['etcdserverpb.proto', 'v3lockpb.proto', 'v3electionpb.proto'])
root.resolveAll()

/** Of the proto files: name, number, type, label of every field, as messages here describe them. */
const described = (type: protobuf.Type) =>
  type.fieldsArray
    .map(field => ({
      name: field.name,
      number: field.id,
      type: field.resolvedType?.fullName.slice(1).replace(/^.*\.(?=[^.]*$)/, '') ?? field.type,
      repeated: field.repeated,
    }))
    .sort((a, b) => a.number - b.number)

const own = (type: AnyMessage) =>
  Object.entries(type.fields)
    .map(([name, field]) => ({
      name,
      number: field.number,
      type: field.type.replace(/^.*\./, ''),
      repeated: field.repeated,
    }))
    .sort((a, b) => a.number - b.number)

describe('messages', () => {
  it.each(messages.map(type => [type.name, type] as const))(
    '%s is that of the proto file',
    (name, type) => {
      expect(own(type)).toEqual(described(root.lookupType(name)))
    },
  )

  it('leave out only what no service says', () => {
    const known = new Set(messages.map(({ name }) => name))
    const missing: string[] = []
    const visit = (scope: protobuf.NamespaceBase): void => {
      for (const nested of scope.nestedArray) {
        if (nested instanceof protobuf.Type && !known.has(nested.fullName.slice(1))) {
          missing.push(nested.name)
        }
        if (nested instanceof protobuf.Namespace) visit(nested)
      }
    }
    visit(root)
    expect(missing.sort()).toEqual([
      'DowngradeVersionTestRequest',
      'LeaseCheckpoint',
      'LeaseCheckpointRequest',
      'LeaseCheckpointResponse',
      'LeaseStatus',
      'Role',
      'User',
      'WatchCancelRequest',
      'WatchProgressRequest',
    ])
  })
})

const integer = fc.maxSafeInteger()
const natural = fc.maxSafeNat()
const someBytes = fc.uint8Array({ maxLength: 12 }).map(bytes => Buffer.from(bytes))

/** A value that a message may be given, by its fields; nested ones to a small depth. */
function arbitrary(type: AnyMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(type.fields).map(([name, field]) => {
    const one = fieldValue(field, depth)
    const value = field.repeated ? fc.array(one, { maxLength: 3 }) : one
    return [name, fc.option(value, { nil: undefined })] as const
  })
  return fc.record(Object.fromEntries(fields)).map(value => {
    // One at most of a oneof: the last one wins here, as on the wire.
    const oneofs = root.lookupType(type.name).oneofsArray
    for (const { oneof } of oneofs) {
      const given = oneof.filter(name => value[name] !== undefined)
      for (const name of given.slice(1)) delete value[name]
    }
    return value
  })
}

function fieldValue(field: Field<unknown, never>, depth: number): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'bytes':
      return someBytes
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 })
    case 'bool':
      return fc.boolean()
    case 'int64':
      return integer
    case 'uint64':
      return natural
    case 'uint32':
      return fc.nat()
    default: {
      const nested = allMessages.get(field.type)
      if (nested === undefined) return fc.constantFrom(0, 1)
      return depth === 0 ? fc.constant({}) : arbitrary(nested, depth - 1)
    }
  }
}

const allMessages = new Map(messages.map(type => [type.name, type]))

/** As another implementation reads it, longs as numbers. */
const elsewhere = (type: AnyMessage, bytes: Uint8Array): unknown => {
  const theirs = root.lookupType(type.name)
  return theirs.toObject(theirs.decode(bytes), { longs: Number, enums: Number, bytes: Buffer })
}

describe('what is encoded', () => {
  const sampled = messages.filter(({ fields }) => Object.keys(fields).length > 0)

  it('is read alike by another implementation, and the other way round', () => {
    for (const type of sampled) {
      const theirs = root.lookupType(type.name)
      fc.assert(
        fc.property(arbitrary(type, 3), value => {
          const bytes = type.encode(value as never)
          const again = theirs.encode(theirs.fromObject(elsewhere(type, bytes) as never)).finish()
          expect(type.decode(again)).toEqual(type.decode(bytes))
          expect(elsewhere(type, type.encode(type.decode(bytes) as never))).toEqual(
            elsewhere(type, bytes),
          )
        }),
        { numRuns: 10 },
      )
    }
  })

  it('keeps every integer below 2^53, and refuses those beyond', () => {
    const theirs = root.lookupType('etcdserverpb.LeaseGrantRequest')
    for (const TTL of [
      0,
      1,
      -1,
      -2,
      127,
      128,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      2 ** 53 - 1,
      1 - 2 ** 53,
    ]) {
      const bytes = theirs.encode(theirs.fromObject({ TTL })).finish()
      expect(lease.LeaseGrantRequest.decode(bytes).TTL).toBe(TTL)
      expect(lease.LeaseGrantRequest.decode(lease.LeaseGrantRequest.encode({ TTL })).TTL).toBe(TTL)
    }
    for (const ID of ['9007199254740992', '-9007199254740992', '9223372036854775807']) {
      const bytes = theirs.encode(theirs.fromObject({ ID })).finish()
      expect(() => lease.LeaseGrantRequest.decode(bytes)).toThrow('integers beyond 2^53')
    }
  })

  it('is skipped where nobody knows it', () => {
    const writer = protobuf.Writer.create()
    writer.uint32((100 << 3) | 0).int64(5)
    writer.uint32((101 << 3) | 1).fixed64(5)
    writer.uint32((102 << 3) | 2).string('later')
    writer.uint32((103 << 3) | 5).fixed32(5)
    writer.uint32((1 << 3) | 2).string('key')
    expect(String(Buffer.from(kv.PutRequest.decode(writer.finish()).key))).toBe('key')
  })
})

describe('bytes that are no message', () => {
  it('are refused with a typed error, whatever they are', () => {
    fc.assert(
      fc.property(fc.constantFrom(...messages), fc.uint8Array({ maxLength: 64 }), (type, bytes) => {
        try {
          type.decode(bytes)
        } catch (error) {
          expect(must(error as { code?: string }, 'an error').code).toMatch(
            /^(malformed-message|integer-too-large)$/,
          )
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('are refused when messages stand too deep in one another', () => {
    let bytes: Uint8Array = Buffer.alloc(0)
    const wrap = (number: number, inner: Uint8Array) =>
      protobuf.Writer.create()
        .uint32((number << 3) | 2)
        .bytes(inner)
        .finish()
    for (let depth = 0; depth < 1_000; depth++) bytes = wrap(2, wrap(4, bytes))
    expect(() => kv.TxnRequest.decode(bytes)).toThrow('too deep')
  })

  it('are refused when they hold more messages than anything of ours', () => {
    const bytes = Buffer.alloc(400_000)
    for (let at = 0; at < bytes.length; at += 2) bytes[at] = (1 << 3) | 2
    expect(() => kv.TxnRequest.decode(bytes)).toThrow('too many parts')
  })
})
