// The bytes of logins and of requests about users and roles, pinned as those of the other messages.

import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, it, test } from 'vitest'

import type { AuthRequest } from '../core/types.js'
import {
  FrameWriter,
  ProtocolError,
  decodeClientFrame,
  decodeServerFrame,
  encodeClientMessage,
  encodeServerMessage,
} from '../protocol.js'
import type { Answer, ClientMessage } from '../protocol.js'

const utf8 = (text: string): Uint8Array => Buffer.from(text)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const packr = new Packr({ useRecords: false })

function framed(message: Uint8Array): Uint8Array {
  const frames: Uint8Array[] = []
  const writer = new FrameWriter(frame => frames.push(frame))
  writer.add(message)
  writer.cut()
  return frames[0] ?? new Uint8Array()
}

const header = { clusterId: 7, memberId: 2, revision: 300, raftTerm: 4 }

const fromClient: readonly (readonly [ClientMessage, string])[] = [
  [{ kind: 'authenticate', id: 22, user: 'u', password: 'p' }, '942c16a175a170'],
  [{ kind: 'useToken', id: 23, token: 't.m' }, '932d17a3742e6d'],
  [
    {
      kind: 'auth',
      id: 24,
      request: {
        action: 'roleGrantPermission',
        role: 'r',
        permission: { access: 'readwrite', key: utf8('a'), end: utf8('b') },
      },
    },
    '932e18950ea17202c40161c40162',
  ],
  [
    {
      kind: 'withToken',
      token: 't',
      request: { kind: 'leaseKeepAlive', id: 16, lease: 8, forwarded: true },
    },
    '932fa17494171008c3',
  ],
]

const fromMember: readonly (readonly [Answer, string])[] = [
  [{ kind: 'authenticate', id: 22, response: { header, token: 't' } }, '954c16cd012c0491a174'],
  [{ kind: 'useToken', id: 23, response: { header } }, '954d17cd012c0490'],
  [
    {
      kind: 'auth',
      id: 24,
      response: {
        header,
        enabled: true,
        authRevision: 5,
        names: ['u'],
        permissions: [{ access: 'read', key: utf8('a') }],
      },
    },
    '954e18cd012c0494c30591a175919300c40161c0',
  ],
]

describe('the bytes', () => {
  it.each(fromClient.map(([message, bytes]) => [message.kind, message, bytes] as const))(
    'of %s from a client are those of the document, both ways',
    (_kind, message, bytes) => {
      const packed = encodeClientMessage(message)
      expect(hex(packed)).toBe(bytes)
      expect(decodeClientFrame(framed(packed))).toEqual([message])
    },
  )

  it.each(fromMember.map(([answer, bytes]) => [answer.kind, answer, bytes] as const))(
    'of the answer to %s are those of the document, both ways',
    (_kind, answer, bytes) => {
      const packed = encodeServerMessage({ kind: 'answer', answer })
      expect(hex(packed)).toBe(bytes)
      expect(decodeServerFrame(framed(packed), header)).toEqual([{ kind: 'answer', answer }])
    },
  )
})

test('every request about users and roles comes out as it went in', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 12 })
  const key = fc.uint8Array({ maxLength: 8 }).map(bytes => Buffer.from(bytes))
  const range = fc.oneof(fc.record({ key }), fc.record({ key, end: key }))
  const one = <A extends AuthRequest['action']>(...actions: readonly A[]) =>
    fc.constantFrom(...actions)
  const request = fc.oneof(
    fc.record({ action: one('status', 'enable', 'disable', 'userList', 'roleList') }),
    fc.record({
      action: one('userAdd'),
      user: name,
      password: fc.oneof(name, fc.constant(null)),
    }),
    fc.record({ action: one('userAdd'), user: name, password: name, passwordHash: name }),
    fc.record({ action: one('userChangePassword'), user: name, password: name }),
    fc.record({ action: one('userGet', 'userDelete'), user: name }),
    fc.record({ action: one('userGrantRole', 'userRevokeRole'), user: name, role: name }),
    fc.record({ action: one('roleAdd', 'roleGet', 'roleDelete'), role: name }),
    fc.record({
      action: one('roleGrantPermission'),
      role: name,
      permission: fc
        .constantFrom('read' as const, 'write' as const, 'readwrite' as const)
        .chain(access => range.map(keys => ({ ...keys, access }))),
    }),
    fc.record({ action: one('roleRevokePermission'), role: name, range }),
  ) as fc.Arbitrary<AuthRequest>
  fc.assert(
    fc.property(request, asked => {
      const message: ClientMessage = { kind: 'auth', id: 1, request: asked }
      expect(decodeClientFrame(framed(encodeClientMessage(message)))).toEqual([message])
    }),
    { numRuns: 300 },
  )
})

describe('a frame', () => {
  const refused: readonly (readonly [string, unknown])[] = [
    ['an unknown request about users', [[46, 1, [16]]]],
    ['a password that is a binary', [[44, 1, 'u', utf8('p')]]],
    ['a user without a password field', [[46, 1, [3, 'u', null]]]],
    ['an access that there is not', [[46, 1, [14, 'r', 3, utf8('a'), null]]]],
    ['a token of a token', [[47, 't', [47, 't', [26, 1]]]]],
    ['a token for a greeting', [[47, 't', [0, 1, 1, 'me', 0]]]],
    ['a token for another token', [[47, 't', [45, 1, 'u']]]],
    ['a token for a watch', [[47, 't', [4, 1, [utf8('a'), null, 0, 0], 9]]]],
    ['a token for nothing', [[47, 't', []]]],
  ]
  it.each(refused)('with %s is refused', (_what, value) => {
    expect(() => decodeClientFrame(packr.pack(value))).toThrow(ProtocolError)
  })
})
