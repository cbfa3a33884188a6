// What arrives from strangers: any bytes, frames that are almost right, and whatever a transaction may be.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { TxnRequest } from '../core/types.js'
import {
  ProtocolError,
  decodeClientFrame,
  decodeServerFrame,
  encodeClientMessage,
} from '../protocol.js'
import type { ClientMessage } from '../protocol.js'
import {
  framed,
  member,
  plainRange,
  clientGolden,
  serverGolden,
} from './testing/golden-messages.js'

describe('what strangers send', () => {
  const survives = (frame: Uint8Array): void => {
    for (const decode of [
      decodeClientFrame,
      (bytes: Uint8Array) => decodeServerFrame(bytes, member),
    ]) {
      try {
        decode(frame)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }
  }

  it('is refused or read, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), survives), { numRuns: 3_000 })
  })

  it('is refused or read when one message of many is damaged', () => {
    const golden = [...clientGolden, ...serverGolden].map(([, bytes]) => Buffer.from(bytes, 'hex'))
    const damage = fc.record({
      messages: fc.array(fc.nat(golden.length - 1), { minLength: 1, maxLength: 6 }),
      edits: fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.nat(2) }), {
        minLength: 1,
        maxLength: 4,
      }),
    })
    fc.assert(
      fc.property(damage, ({ messages, edits }) => {
        let frame = Buffer.from(framed(...messages.map(at => golden[at] ?? Buffer.alloc(0))))
        for (const { at, byte, how } of edits) {
          const position = at % frame.length
          const before = frame.subarray(0, position)
          if (how === 0) frame[position] = byte
          else if (how === 1) frame = Buffer.concat([before, frame.subarray(position + 1)])
          else frame = Buffer.concat([before, Buffer.of(byte), frame.subarray(position)])
          if (frame.length === 0) return
        }
        survives(frame)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('any transaction', () => {
  const bytes = fc.uint8Array({ maxLength: 20 }).map(array => Buffer.from(array))
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  const { txn: anyTxn } = fc.letrec<{ txn: TxnRequest; op: TxnRequest['success'][number] }>(
    tie => ({
      op: fc.oneof(
        { maxDepth: 3 },
        fc.record({
          kind: fc.constant('put' as const),
          request: fc.record({
            key: bytes,
            value: bytes,
            lease: number,
            prevKv: fc.boolean(),
            ignoreValue: fc.boolean(),
            ignoreLease: fc.boolean(),
          }),
        }),
        fc.record({
          kind: fc.constant('deleteRange' as const),
          request: fc.record({ key: bytes, end: bytes, prevKv: fc.boolean() }),
        }),
        fc.record({
          kind: fc.constant('range' as const),
          request: fc.record({ key: bytes, ...constants(plainRange), limit: number }),
        }),
        fc.record({ kind: fc.constant('txn' as const), request: tie('txn') }),
      ),
      txn: fc.record({
        compare: fc.array(
          fc.record({
            target: fc.constant('version' as const),
            result: fc.constantFrom('equal', 'notEqual', 'greater', 'less'),
            key: bytes,
            version: number,
          }),
          { maxLength: 3 },
        ),
        success: fc.array(tie('op'), { maxLength: 3 }),
        failure: fc.array(tie('op'), { maxLength: 3 }),
      }),
    }),
  )

  it('comes out as it went in', () => {
    fc.assert(
      fc.property(anyTxn, number, (request, id) => {
        const message: ClientMessage = { kind: 'txn', id, request }
        expect(decodeClientFrame(framed(encodeClientMessage(message)))).toEqual([message])
      }),
      { numRuns: 300 },
    )
  })
})

function constants<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(values).map(([name, value]) => [name, fc.constant(value)])
  return Object.fromEntries(entries) as { [K in keyof T]: fc.Arbitrary<T[K]> }
}
