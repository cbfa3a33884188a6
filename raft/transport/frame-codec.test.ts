import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PackedValue } from '../../platform/msgpack.js'
import { MalformedFrame, packArray } from '../../platform/msgpack.js'
import type { Entry, Message } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { decodeFrame, encodeFrame } from './frame-codec.js'

const natural = fc.maxSafeInteger().map(Math.abs)
const index = natural.map(logIndex)
const someTerm = natural.map(term)
const id = fc.integer({ min: 1, max: 9 }).map(nodeId)
const bytes = fc.uint8Array({ maxLength: 50 })
const members = fc.array(id, { maxLength: 5 })
const snapshot = fc.record({
  index,
  term: someTerm,
  confState: fc.record({
    voters: members,
    votersOutgoing: members,
    learners: members,
    learnersNext: members,
  }),
})
const text = fc.string({ maxLength: 20 })
const addresses = fc.array(
  fc.record(
    { node: id, name: text, address: text, promote: fc.constant(true as const) },
    { requiredKeys: ['node', 'name', 'address'] },
  ),
  { minLength: 1 },
)
const snapshotWithAddresses = fc.tuple(snapshot, fc.option(addresses)).map(([meta, list]) => {
  if (list === null) return meta
  return { ...meta, confState: { ...meta.confState, addresses: list } }
})
const proposals = fc
  .tuple(id, fc.array(fc.tuple(natural, bytes), { maxLength: 5 }))
  .map(([origin, list]) => ({
    origin,
    sequences: list.map(([sequence]) => sequence),
    payloads: list.map(([, payload]) => payload),
  }))
const append = fc
  .record({
    prevIndex: fc.nat(1e9),
    prevTerm: someTerm,
    commit: index,
    list: fc.array(
      fc.record({
        term: someTerm,
        kind: fc.constantFrom('normal' as const, 'noop' as const, 'confChange' as const),
        origin: id,
        sequence: natural,
        data: bytes,
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ prevIndex, list, ...rest }) => ({
    kind: 'appendRequest' as const,
    ...rest,
    prevIndex: logIndex(prevIndex),
    entries: list.map((entry, at): Entry => ({ ...entry, index: logIndex(prevIndex + 1 + at) })),
  }))
const kind = <K extends string>(value: K) => fc.constant(value)

const message: fc.Arbitrary<Message> = fc
  .tuple(
    fc.record({ from: id, to: id, term: someTerm }),
    fc.oneof(
      fc.record({
        kind: kind('voteRequest'),
        preVote: fc.boolean(),
        lastIndex: index,
        lastTerm: someTerm,
        force: fc.boolean(),
        commit: index,
        commitTerm: someTerm,
      }),
      fc.record({
        kind: kind('voteResponse'),
        preVote: fc.boolean(),
        granted: fc.boolean(),
        commit: index,
        commitTerm: someTerm,
      }),
      append,
      fc.record(
        {
          kind: kind('appendResponse'),
          rejected: fc.boolean(),
          index,
          hintIndex: index,
          hintTerm: someTerm,
          lost: fc.constant(true),
        },
        { requiredKeys: ['kind', 'rejected', 'index', 'hintIndex', 'hintTerm'] },
      ),
      fc.record({ kind: kind('heartbeatRequest'), commit: index, readRound: natural }),
      fc.record({ kind: kind('heartbeatResponse'), readRound: natural }),
      fc.record({ kind: kind('snapshotRequest'), snapshot: snapshotWithAddresses }),
      fc.record({ kind: kind('readIndexRequest'), context: natural }),
      fc.record({ kind: kind('readIndexResponse'), context: natural, index }),
      fc.record({ kind: kind('proposalForward'), proposals }),
      fc.record({
        kind: kind('proposalRefused'),
        origin: id,
        sequences: fc.array(natural),
        reason: fc.constantFrom(
          'no-leader' as const,
          'transferring' as const,
          'too-many-uncommitted' as const,
          'removed' as const,
        ),
      }),
      fc.record({ kind: kind('transferLeaderRequest'), transferee: id }),
      fc.record({ kind: kind('timeoutNow') }),
    ),
  )
  .map(([envelope, body]) => ({ ...envelope, ...body }))

/** Binaries come back as Buffers; compared by what they hold. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) => {
      const json = inner as { type?: unknown; data?: unknown } | null
      if (json?.type === 'Buffer') return json.data
      return inner instanceof Uint8Array ? [...inner] : inner
    }),
  )
}

describe('frames', () => {
  test('carry any messages as they are', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), messages => {
        const frame = { kind: 'messages' as const, sequence: messages.length, messages }
        expect(plain(decodeFrame(encodeFrame(frame)))).toEqual(plain(frame))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    { kind: 'welcome', challenge: 2 ** 40, speaks: null },
    { kind: 'welcome', challenge: 2 ** 40, speaks: { min: 1, max: 300 } },
    { kind: 'ping' },
    { kind: 'pong' },
    { kind: 'refused', reason: 'removed-peer', detail: 'why' },
    {
      kind: 'roster',
      roster: { index: logIndex(9), members: [{ id: nodeId(4), name: 'n4', address: 'host:1' }] },
    },
    { kind: 'roster', roster: { index: logIndex(0), members: [] } },
    { kind: 'snapshotResume', sequence: 2 },
    { kind: 'snapshotAck', sequence: 3 },
    { kind: 'snapshotEnd', chunks: 3, totalBytes: 2 ** 40, checksum: 0xffffffff },
    { kind: 'snapshotResult', ok: false, reason: 'no' },
  ] as const)('of kind $kind come back as they are', frame => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
  })

  test('of another protocol version are read no further than the version', () => {
    const greeting = packArray([0, 9, 'whatever', 'version', 'nine', 'says'])
    expect(decodeFrame(greeting)).toEqual({ kind: 'foreignHello', version: 9 })
  })

  test('of any bytes are decoded or refused, never worse', () => {
    const arrays: fc.Arbitrary<PackedValue> = fc.letrec<{ value: PackedValue }>(tie => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.nat(15),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constant(null),
        bytes,
        text,
        fc.array(tie('value'), { maxLength: 9 }),
      ),
    })).value
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(13), fc.array(arrays, { maxLength: 7 })).map(([code, rest]) => {
        return packArray([code, ...rest])
      }),
    )
    fc.assert(
      fc.property(anything, any => {
        try {
          expect(decodeFrame(any).kind).toBeTypeOf('string')
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrame)
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('with any bit flipped are decoded or refused, never worse', () => {
    fc.assert(
      fc.property(message, fc.nat(), (original, flip) => {
        const damaged = encodeFrame({ kind: 'messages', sequence: 1, messages: [original] }).slice()
        const offset = flip % damaged.length
        damaged[offset] = (damaged[offset] as number) ^ (1 << (flip % 8))
        try {
          decodeFrame(damaged)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrame)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    ['an unknown kind of frame', [99]],
    ['an unknown kind of message', [5, 1, [[99, 1, 2, 3]]]],
    ['a message that is too short', [5, 1, [[1, 1, 2, 3, true]]]],
    ['a message that is too long', [5, 1, [[12, 1, 2, 3, 4]]]],
    ['half an entry', [5, 1, [[2, 1, 2, 3, 4, 5, 6, [1, 0, 1]]]]],
    ['an unknown kind of entry', [5, 1, [[2, 1, 2, 3, 4, 5, 6, [1, 9, 1, 1, Buffer.alloc(1)]]]]],
    ['a payload without a sequence', [5, 1, [[9, 1, 2, 3, [1, [], [Buffer.alloc(1)]]]]]],
    ['a negative term', [5, 1, [[12, 1, 2, -3]]]],
    ['a roster of more members than there can be', [11, 1, Array<null>(1025).fill(null)]],
    ['a reason of refusal that is none', [2, 999, 'why']],
    ['a chunk that is too large', [7, 1, 0, Buffer.alloc(1024 * 1024 + 1)]],
  ])('with %s are refused', (_what, fields) => {
    expect(() => decodeFrame(packArray(fields))).toThrow(MalformedFrame)
  })
})
