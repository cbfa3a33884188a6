import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { type Command, decodeCommands, encodeCommands } from './command.js'
import { StoreError, UnknownCommandError } from './errors.js'
import type { RequestOp } from './types.js'

const bytes = fc.uint8Array({ maxLength: 20 }).map(array => new Uint8Array(array))
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const range = fc.oneof(fc.record({ key: bytes }), fc.record({ key: bytes, end: bytes }))

const rangeRequest = fc
  .record({
    limit: number,
    revision: number,
    sortOrder: fc.constantFrom('none', 'ascend', 'descend'),
    sortTarget: fc.constantFrom('key', 'version', 'create', 'mod', 'value'),
    serializable: fc.boolean(),
    keysOnly: fc.boolean(),
    countOnly: fc.boolean(),
    minModRevision: number,
    maxModRevision: number,
    minCreateRevision: number,
    maxCreateRevision: number,
  })
  .chain(rest => range.map(keys => ({ ...keys, ...rest })))
const putRequest = fc.record({
  key: bytes,
  value: bytes,
  lease: number,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
})
const deleteRequest = fc.boolean().chain(prevKv => range.map(keys => ({ ...keys, prevKv })))
const compare = fc
  .record({
    keys: range,
    result: fc.constantFrom('equal', 'notEqual', 'greater', 'less'),
    operand: fc.oneof(
      fc.record({ target: fc.constant('version'), version: number }),
      fc.record({ target: fc.constant('create'), createRevision: number }),
      fc.record({ target: fc.constant('mod'), modRevision: number }),
      fc.record({ target: fc.constant('value'), value: bytes }),
      fc.record({ target: fc.constant('lease'), lease: number }),
    ),
  })
  .map(({ keys, result, operand }) => ({ ...keys, result, ...operand }))

const { txnRequest } = fc.letrec(tie => ({
  op: fc.oneof(
    { maxDepth: 3 },
    rangeRequest.map(request => ({ kind: 'range', request })),
    putRequest.map(request => ({ kind: 'put', request })),
    deleteRequest.map(request => ({ kind: 'deleteRange', request })),
    tie('txnRequest').map(request => ({ kind: 'txn', request }) as RequestOp),
  ),
  txnRequest: fc.record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
}))

const name = fc.string({ unit: 'grapheme', maxLength: 12 })
const permission = fc
  .constantFrom('read', 'write', 'readwrite')
  .chain(access => range.map(keys => ({ ...keys, access })))
const authChange = fc.oneof(
  fc.record({ action: fc.constant('enable'), secret: bytes }),
  fc.constant({ action: 'disable' }),
  fc.record({
    action: fc.constant('userAdd'),
    user: name,
    passwordHash: fc.oneof(bytes, fc.constant(null)),
  }),
  fc.record({ action: fc.constant('userChangePassword'), user: name, passwordHash: bytes }),
  fc.record({ action: fc.constant('userDelete'), user: name }),
  fc.record({
    action: fc.constantFrom('userGrantRole', 'userRevokeRole'),
    user: name,
    role: name,
  }),
  fc.record({ action: fc.constantFrom('roleAdd', 'roleDelete'), role: name }),
  fc.record({ action: fc.constant('roleGrantPermission'), role: name, permission }),
  fc.record({ action: fc.constant('roleRevokePermission'), role: name, range }),
)

const memberChange = fc.oneof(
  fc.record({
    kind: fc.constant('reserve'),
    idMin: number,
    name: fc.string(),
    peerAddresses: fc.array(fc.string(), { maxLength: 3 }),
    replaces: number,
  }),
  fc.record({
    kind: fc.constant('publish'),
    id: number,
    name: fc.string(),
    peerAddresses: fc.array(fc.string(), { maxLength: 3 }),
    clientAddresses: fc.array(fc.string(), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('amend'),
    id: number,
    name: fc.string(),
    peerAddresses: fc.array(fc.string(), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('forget'), id: number }),
)

const anonymous = fc.oneof(
  putRequest.map(request => ({ kind: 'put', request })),
  deleteRequest.map(request => ({ kind: 'deleteRange', request })),
  txnRequest.map(request => ({ kind: 'txn', request })),
  fc
    .record({ revision: number, physical: fc.boolean() })
    .map(request => ({ kind: 'compact', request })),
  fc.record({ kind: fc.constant('leaseGrant'), id: number, ttlSeconds: number }),
  fc.record({ kind: fc.constant('leaseRevoke'), id: number, leaderTerm: number }),
  fc
    .oneof(
      fc.record({ kind: fc.constant('raise'), version: number }),
      fc.record({ kind: fc.constant('downgrade'), target: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constant('endDowngrade') }),
    )
    .map(change => ({ kind: 'cluster', change })),
  fc.record({ kind: fc.constant('quota'), bytes: number }),
  fc
    .oneof(
      fc.record({ kind: fc.constant('mark'), voters: fc.array(number, { maxLength: 5 }) }),
      fc.record({
        kind: fc.constant('report'),
        mark: number,
        member: number,
        digest: fc.string({ maxLength: 40 }),
      }),
    )
    .map(change => ({ kind: 'hash', change })),
  fc.record({
    kind: fc.constant('alarm'),
    activate: fc.boolean(),
    alarm: fc.record({ kind: fc.constantFrom('none', 'nospace', 'corrupt'), member: number }),
  }),
  fc.record({
    kind: fc.constant('leaseCheckpoint'),
    leaderTerm: number,
    checkpoints: fc.array(fc.record({ id: number, remainingSeconds: number }), { maxLength: 5 }),
  }),
  fc.oneof(
    fc.constant({ kind: 'openSession' }),
    fc.record({ kind: fc.constant('openSession'), nonce: bytes }),
  ),
  authChange.map(change => ({ kind: 'auth', change })),
  memberChange.map(change => ({ kind: 'member', change })),
) as fc.Arbitrary<Command>
const author = fc.oneof(
  fc.constant('member' as const),
  fc.record({ user: name, authRevision: number }),
)
const command: fc.Arbitrary<Command> = fc.oneof(
  anonymous,
  fc.tuple(anonymous, author).map(([one, by]) => ({ ...one, by })),
)

test('Every command comes back as it was encoded.', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 6 }), commands => {
      expect(decodeCommands(encodeCommands(commands))).toEqual(commands)
    }),
  )
})

/** What this program does not know may be what a newer one wrote. */
function decodesOrIsMalformed(data: Uint8Array): void {
  try {
    decodeCommands(data)
  } catch (error) {
    if (error instanceof UnknownCommandError) return
    expect(error).toBeInstanceOf(StoreError)
    expect((error as StoreError).code).toBe('malformed')
  }
}

test('Bytes that are no batch of commands are malformed, and nothing worse.', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrIsMalformed))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), array => {
      decodesOrIsMalformed(Buffer.concat([Buffer.from([1]), array]))
    }),
  )
})

test('A batch that was cut or had a byte changed is malformed or another batch, nothing worse.', () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 4 }),
      fc.nat(),
      fc.nat(255),
      (commands, at, byte) => {
        const data = encodeCommands(commands)
        decodesOrIsMalformed(data.subarray(0, at % data.length))
        data[at % data.length] = byte
        decodesOrIsMalformed(data)
      },
    ),
  )
})

const packr = new Packr({ useRecords: false })
const framed = (value: unknown): Uint8Array => Buffer.concat([Buffer.from([1]), packr.pack(value)])

test.each([
  ['nothing', new Uint8Array(0)],
  ['a map', framed([{ kind: 'put' }])],
  ['a date extension', framed([new Date(0)])],
  ['an author without a command', framed([[16, 'u', 1, null]])],
  ['an author of an author', framed([[16, 'u', 1, [16, 'v', 1, [18]]]])],
  ['a change of users with a field too many', framed([[20, 'u', 1]])],
  ['a permission of an unknown kind', framed([[26, 'r', [3, Buffer.from('k'), null]]])],
  ['a command without a code', framed([[]])],
  ['a negative code', framed([[-1]])],
  ['a put with a field too few', framed([[1, Buffer.from('k'), Buffer.from('v'), 0]])],
  ['a text where bytes belong', framed([[1, 'k', Buffer.from('v'), 0, 0]])],
  ['a negative lease', framed([[1, Buffer.from('k'), Buffer.from('v'), -1, 0]])],
  ['a fraction', framed([[4, 1.5, false]])],
  ['an unknown flag', framed([[1, Buffer.from('k'), Buffer.from('v'), 0, 8]])],
  ['an array that claims four billion items', Buffer.from([1, 0xdd, 0xff, 0xff, 0xff, 0xff])],
  ['arrays nested a thousand deep', Buffer.concat([Buffer.from([1]), Buffer.alloc(1000, 0x91)])],
  ['bytes behind the batch', Buffer.concat([framed([]), Buffer.from([0])])],
])('A batch with %s is malformed.', (_name, data) => {
  expect(() => decodeCommands(data)).toThrow(expect.objectContaining({ code: 'malformed' }))
})
