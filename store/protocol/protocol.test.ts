// The bytes of the protocol, pinned: whoever changes one of these lines changes what clients in
// other languages have to speak. And what arrives from strangers: any bytes, and frames that are
// almost right.

import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'

import type { KeyValue, ResponseHeader, TxnRequest } from '../core/types.js'
import {
  FrameWriter,
  ProtocolError,
  decodeClientFrame,
  decodeServerFrame,
  encodeClientMessage,
  encodeServerMessage,
  encodeWatchEvent,
  protocolLimits,
  watchEventsChunks,
} from '../protocol.js'
import type { ClientMessage, ServerMessage } from '../protocol.js'

const utf8 = (text: string): Uint8Array => Buffer.from(text)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const plainPackr = new Packr({ useRecords: false })

function framed(...messages: readonly Uint8Array[]): Uint8Array {
  const frames: Uint8Array[] = []
  const writer = new FrameWriter(frame => frames.push(frame))
  for (const message of messages) writer.add(message)
  writer.cut()
  expect(frames).toHaveLength(1)
  return frames[0] ?? new Uint8Array()
}

const kv: KeyValue = {
  key: utf8('a'),
  value: utf8('xyz'),
  createRevision: 5,
  modRevision: 300,
  version: 2,
  lease: 2 ** 40,
}
const header: ResponseHeader = { clusterId: 7, memberId: 2, revision: 300, raftTerm: 4 }
const member = { clusterId: 7, memberId: 2 }

const plainRange = {
  limit: 0,
  revision: 0,
  sortOrder: 'none',
  sortTarget: 'key',
  serializable: false,
  keysOnly: false,
  countOnly: false,
  paged: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const
const plainPut = { lease: 0, prevKv: false, ignoreValue: false, ignoreLease: false } as const

const txn: TxnRequest = {
  compare: [
    { target: 'mod', result: 'equal', key: utf8('k'), modRevision: 9 },
    { target: 'value', result: 'less', key: utf8('k'), end: utf8('l'), value: utf8('v') },
  ],
  success: [{ kind: 'put', request: { key: utf8('k'), value: utf8('w'), ...plainPut } }],
  failure: [
    { kind: 'range', request: { key: utf8('k'), ...plainRange } },
    {
      kind: 'txn',
      request: {
        compare: [],
        success: [{ kind: 'deleteRange', request: { key: utf8('k'), prevKv: true } }],
        failure: [],
      },
    },
  ],
}

const clientGolden: readonly (readonly [ClientMessage, string])[] = [
  [{ kind: 'hello', versionMin: 1, versionMax: 1, client: 'me', clusterId: 7 }, '95000101a26d6507'],
  [{ kind: 'ping', id: 3 }, '920103'],
  [
    {
      kind: 'watchCreate',
      watch: 1,
      request: {
        key: utf8('a'),
        end: utf8('b'),
        startRevision: 300,
        prevKv: true,
        progressNotify: true,
        noPut: false,
        noDelete: true,
      },
      creditBytes: 65_536,
    },
    '94040195c40161c40162cd012c0b90ce00010000',
  ],
  [{ kind: 'watchCredit', watch: 1, creditBytes: 100 }, '93050164'],
  [{ kind: 'watchCancel', watch: 1 }, '920601'],
  [{ kind: 'watchProgress', watch: 1 }, '920701'],
  [
    {
      kind: 'range',
      id: 9,
      request: {
        ...plainRange,
        key: utf8('a'),
        end: Buffer.of(0),
        limit: 500,
        revision: 12,
        sortOrder: 'descend',
        sortTarget: 'mod',
        serializable: true,
        countOnly: true,
        paged: false,
        minModRevision: 1,
        maxModRevision: 2,
        minCreateRevision: 3,
        maxCreateRevision: 4,
      },
    },
    '9310099bc40161c40100cd01f40c02030501020304',
  ],
  [
    {
      kind: 'put',
      id: 10,
      request: {
        key: utf8('a'),
        value: utf8('xyz'),
        lease: 2 ** 40,
        prevKv: true,
        ignoreValue: false,
        ignoreLease: true,
      },
    },
    '93110a94c40161c40378797acb427000000000000005',
  ],
  [
    { kind: 'deleteRange', id: 11, request: { key: utf8('a'), end: utf8('b'), prevKv: true } },
    '93120b93c40161c40162c3',
  ],
  [
    { kind: 'txn', id: 12, request: txn },
    '93130c93929502' +
      '00c4016bc009' +
      '950303c4016bc4016cc40176' +
      '91920194c4016bc401770000' +
      '9292009bc4016bc0000000000000000000' +
      '9203939091920293c4016bc0c390',
  ],
  [{ kind: 'compact', id: 13, request: { revision: 70, physical: true } }, '94140d46c3'],
  [{ kind: 'leaseGrant', id: 14, request: { ttlSeconds: 60, id: 0 } }, '94150e3c00'],
  [{ kind: 'leaseRevoke', id: 15, lease: 8 }, '93160f08'],
  [{ kind: 'leaseKeepAlive', id: 16, lease: 8, forwarded: false }, '94171008c2'],
  [{ kind: 'leaseTimeToLive', id: 17, lease: 8, withKeys: true, forwarded: true }, '95181108c3c3'],
  [{ kind: 'leaseLeases', id: 18 }, '921912'],
  [{ kind: 'status', id: 19 }, '921a13'],
  [{ kind: 'memberList', id: 20, linearizable: true }, '931b14c3'],
  [{ kind: 'moveLeader', id: 21, target: 3, forwarded: false }, '941c1503c2'],
  [
    { kind: 'alarm', id: 22, request: { action: 'deactivate', kind: 'nospace', member: 3 } },
    '952816020103',
  ],
  [
    { kind: 'clusterVersion', id: 23, request: { action: 'downgrade', target: '0.1' } },
    '942a1702a3302e31',
  ],
  [
    {
      kind: 'memberAdd',
      id: 22,
      name: 'm4',
      peerAddresses: ['p:1'],
      mode: 'promoted',
      forwarded: false,
    },
    '961d16a26d3491a3703a3100c2',
  ],
  [{ kind: 'memberPromote', id: 23, member: 4, forwarded: true }, '941e1704c3'],
  [
    {
      kind: 'memberUpdate',
      id: 24,
      member: 4,
      name: '',
      peerAddresses: ['p:2', 'q:2'],
      forwarded: false,
    },
    '961f1804a092a3703a32a3713a32c2',
  ],
  [{ kind: 'memberRemove', id: 25, member: 4, forwarded: false }, '94201904c2'],
  [
    {
      kind: 'memberReplace',
      id: 26,
      member: 3,
      name: 'm5',
      peerAddresses: ['p:1'],
      forwarded: false,
    },
    '96211a03a26d3591a3703a31c2',
  ],
  [{ kind: 'snapshot', id: 27 }, '92221b'],
  [{ kind: 'hashKv', id: 28, revision: 300 }, '93231ccd012c'],
]

const kvHex = '96c40161c40378797a05cd012c02cb4270000000000000'

type Plain = Exclude<ServerMessage, { kind: 'watchEvents' }>
const learner = {
  id: 4,
  name: 'm4',
  peerAddresses: ['p:1'],
  clientAddresses: [],
  learner: true,
}
const serverGolden: readonly (readonly [Plain, string])[] = [
  [
    {
      kind: 'welcome',
      welcome: {
        version: 1,
        clusterId: 7,
        memberId: 2,
        name: 'm2',
        serverVersion: '0.1',
        leader: 1,
        requestBytesMax: 1_572_864,
        inFlightMax: 16_384,
      },
    },
    '9900010702a26d32a3302e3101ce00180000cd4000',
  ],
  [{ kind: 'pong', id: 3, leader: 1 }, '93010301'],
  [{ kind: 'leader', leader: 0, raftTerm: 9 }, '93020009'],
  [
    {
      kind: 'error',
      id: 4,
      error: { code: 'no-leader', message: 'wait', retryable: true, outcome: 'not-applied' },
    },
    '960304a96e6f2d6c6561646572a477616974c300',
  ],
  [{ kind: 'watchCreated', watch: 1, revision: 300 }, '930401cd012c'],
  [
    {
      kind: 'watchEnd',
      watch: 1,
      error: { code: 'compacted', message: 'gone', retryable: false, outcome: 'unknown' },
      compactRevision: 40,
    },
    '970601a9636f6d706163746564a4676f6e65c20128',
  ],
  [{ kind: 'rangePart', id: 9, kvs: [kv] }, `93070991${kvHex}`],
  [
    {
      kind: 'answer',
      answer: { kind: 'range', id: 9, response: { header, kvs: [kv], more: true, count: 2 } },
    },
    `953009cd012c049391${kvHex}c302`,
  ],
  [
    { kind: 'answer', answer: { kind: 'put', id: 10, response: { header, prevKv: null } } },
    '95310acd012c0491c0',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'deleteRange', id: 11, response: { header, deleted: 1, prevKvs: [kv] } },
    },
    `95320bcd012c04920191${kvHex}`,
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'txn',
        id: 12,
        response: {
          header,
          succeeded: true,
          responses: [
            { kind: 'put', response: { header, prevKv: kv } },
            { kind: 'txn', response: { header, succeeded: false, responses: [] } },
          ],
        },
      },
    },
    `95330ccd012c0492c392920191${kvHex}920392c290`,
  ],
  [
    { kind: 'answer', answer: { kind: 'compact', id: 13, response: { header } } },
    '95340dcd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'leaseGrant', id: 14, response: { header, id: 8, ttlSeconds: 60 } },
    },
    '95350ecd012c0492083c',
  ],
  [
    { kind: 'answer', answer: { kind: 'leaseRevoke', id: 15, response: { header } } },
    '95360fcd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'leaseKeepAlive', id: 16, response: { header, id: 8, ttlSeconds: 0 } },
    },
    '953710cd012c04920800',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'leaseTimeToLive',
        id: 17,
        response: { header, id: 8, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [utf8('a')] },
      },
    },
    '953811cd012c049408ff0091c40161',
  ],
  [
    { kind: 'answer', answer: { kind: 'leaseLeases', id: 18, response: { header, leases: [8] } } },
    '953912cd012c04919108',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'status',
        id: 19,
        response: {
          header,
          version: '0.1',
          name: 'm2',
          role: 'leader',
          leader: 2,
          raftTerm: 4,
          commitIndex: 10,
          appliedIndex: 9,
          dbSizeBytes: 4096,
          learner: false,
          healthy: true,
          compactRevision: -1,
        },
      },
    },
    '953a13cd012c049aa3302e31a26d3203020a09cd1000c2c3ff',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'memberList',
        id: 20,
        response: {
          header,
          members: [
            { id: 2, name: 'm2', peerAddresses: ['p:1'], clientAddresses: ['c:1'], learner: false },
          ],
        },
      },
    },
    '953b14cd012c0491919502a26d3291a3703a3191a3633a31c2',
  ],
  [
    { kind: 'answer', answer: { kind: 'moveLeader', id: 21, response: { header } } },
    '953c15cd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'alarm',
        id: 22,
        response: { header, alarms: [{ kind: 'corrupt', member: 3 }] },
      },
    },
    '954816cd012c049191920203',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'memberAdd',
        id: 22,
        response: { header, member: learner, members: [learner] },
      },
    },
    '953d16cd012c04929504a26d3491a3703a3190c3919504a26d3491a3703a3190c3',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'memberRemove', id: 25, response: { header, members: [learner] } },
    },
    '954019cd012c0491919504a26d3491a3703a3190c3',
  ],
  [{ kind: 'snapshotPart', id: 27, bytes: utf8('xyz') }, '93081bc40378797a'],
  [
    {
      kind: 'answer',
      answer: { kind: 'snapshot', id: 27, response: { header, bytes: 512, sha256: utf8('s') } },
    },
    '95421bcd012c0492cd0200c40173',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'clusterVersion',
        id: 23,
        response: { header, release: '0.2.0', version: 3, downgradeTo: '0.1.0' },
      },
    },
    '954a17cd012c0493a5302e322e3003a5302e312e30',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'hashKv',
        id: 28,
        response: { header, hash: '0a', revision: 300, compactRevision: -1 },
      },
    },
    '95431ccd012c0493a23061cd012cff',
  ],
]

describe('the bytes of a client', () => {
  it.each(clientGolden.map(([message, bytes]) => [message.kind, message, bytes] as const))(
    'of %s are those of the document, both ways',
    (_kind, message, bytes) => {
      const packed = encodeClientMessage(message)
      expect(hex(packed)).toBe(bytes)
      expect(decodeClientFrame(framed(packed))).toEqual([message])
    },
  )
})

describe('the bytes of a member', () => {
  it.each(
    serverGolden.map(([message, bytes]) => {
      const kind = message.kind === 'answer' ? `${message.answer.kind} answer` : message.kind
      return [kind, message, bytes] as const
    }),
  )('of %s are those of the document, both ways', (_kind, message, bytes) => {
    const packed = encodeServerMessage(message)
    expect(hex(packed)).toBe(bytes)
    expect(decodeServerFrame(framed(packed), member)).toEqual([message])
  })

  it('of events are put together from events packed once', () => {
    const put = encodeWatchEvent({ kind: 'put', kv, prevKv: null })
    const gone = { ...kv, value: utf8(''), createRevision: 0, version: 0, lease: 0 }
    const deletion = encodeWatchEvent({ kind: 'delete', kv: gone, prevKv: kv })
    const packed = Buffer.concat(watchEventsChunks(1, 300, false, [put, deletion]))
    expect(hex(packed)).toBe(
      `95 05 01 cd012c c2 92
      93 00 ${kvHex} c0
      93 01 96c40161c40000cd012c0000 ${kvHex}`.replaceAll(/\s/g, ''),
    )
    expect(decodeServerFrame(framed(packed), member)).toEqual([
      {
        kind: 'watchEvents',
        watch: 1,
        revision: 300,
        more: false,
        events: [
          { kind: 'put', kv, prevKv: null },
          { kind: 'delete', kv: gone, prevKv: kv },
        ],
        bytes: 36 + 33 + 36,
      },
    ])
  })
})

describe('a frame', () => {
  it('carries many messages in order', () => {
    const messages: ClientMessage[] = Array.from({ length: 1_000 }, (_, id) => ({
      kind: 'ping',
      id,
    }))
    expect(decodeClientFrame(framed(...messages.map(encodeClientMessage)))).toEqual(messages)
  })

  it('is cut before it becomes too long', () => {
    const value = Buffer.alloc(200_000)
    const packed = encodeClientMessage({
      kind: 'put',
      id: 1,
      request: { key: utf8('k'), value },
    })
    const frames: Uint8Array[] = []
    const writer = new FrameWriter(frame => frames.push(frame))
    for (let count = 0; count < 5; count++) writer.add(packed)
    writer.cut()
    expect(frames.map(frame => decodeClientFrame(frame).length)).toEqual([2, 2, 1])
    expect(writer.empty).toBe(true)
  })

  it('may be written by any MessagePack library, in whatever form of number', () => {
    const bytes = Buffer.from(
      'dc0002' + // two messages, in the long form
        '92cc01cd0003' + // ping 3, both numbers longer than need be
        '93cb4036000000000000d00fcf0000000000000008', // leaseRevoke as float64, int8, uint64
      'hex',
    )
    expect(decodeClientFrame(bytes)).toEqual([
      { kind: 'ping', id: 3 },
      { kind: 'leaseRevoke', id: 15, lease: 8 },
    ])
  })

  const refused: readonly (readonly [string, unknown])[] = [
    ['a map', [{ a: 1 }]],
    ['a date', [new Date(0)]],
    ['an unknown message', [[99, 1]]],
    ['an answer of a server', [[48, 1, 1, 1, [[], false, 0]]]],
    ['a message with a field too few', [[17, 1]]],
    ['a message with a field too many', [[1, 1, 1]]],
    ['a negative id', [[1, -1]]],
    ['a fractional id', [[1, 1.5]]],
    ['an id above 2^53-1', [[1, 2 ** 53]]],
    ['a text as key', [[17, 1, ['k', new Uint8Array(), 0, 0]]]],
    ['unknown flags', [[17, 1, [utf8('k'), utf8('v'), 0, 8]]]],
    ['an unknown sort order', [[16, 1, [utf8('k'), null, 0, 0, 3, 0, 0, 0, 0, 0, 0]]]],
    ['credit without measure', [[5, 1, 2 ** 40]]],
    ['no array at all', 5],
  ]
  it.each(refused)('with %s is refused with a sentence', (_what, value) => {
    const frame = plainPackr.pack(value)
    expect(() => decodeClientFrame(frame)).toThrow(ProtocolError)
  })

  it.each([
    ['nothing', ''],
    ['an array longer than the frame', 'ddffffffff'],
    ['a binary longer than the frame', '91c6ffffffff00'],
    ['a text above the limit', `91da2000${'61'.repeat(0x2000)}`],
    ['a record definition', '91d4724093a161'],
    ['an extension', '91c70301aabbcc'],
    ['the byte that MessagePack never uses', '91c1'],
    ['bytes behind the array', '9000'],
  ])('of %s is refused with a sentence', (_what, bytes) => {
    expect(() => decodeClientFrame(Buffer.from(bytes, 'hex'))).toThrow(ProtocolError)
    expect(() => decodeServerFrame(Buffer.from(bytes, 'hex'), member)).toThrow(ProtocolError)
  })

  it('nested without end is refused before anything is built', () => {
    const deep = Buffer.alloc(protocolLimits.clientFrameBytesMax, 0x91)
    expect(() => decodeClientFrame(deep)).toThrow(/nested deeper/)
  })

  it('of more items than the limit is refused', () => {
    const count = protocolLimits.clientItemsMax + 1
    const many = Buffer.alloc(5 + count, 0xc0)
    many[0] = 0xdd
    many.writeUInt32BE(count, 1)
    expect(() => decodeClientFrame(many)).toThrow(/items/)
  })

  it('of more messages than the limit is refused', () => {
    const many = plainPackr.pack(
      Array.from({ length: protocolLimits.messagesMax + 1 }, () => [1, 1]),
    )
    expect(() => decodeClientFrame(many)).toThrow(/messages/)
  })

  it('with an answer before the greeting is refused', () => {
    const packed = encodeServerMessage({
      kind: 'answer',
      answer: { kind: 'compact', id: 1, response: { header } },
    })
    expect(() => decodeServerFrame(framed(packed), null)).toThrow(ProtocolError)
  })
})

describe('keys and values', () => {
  it('of answers do not keep the frame alive', () => {
    const value = Buffer.alloc(100_000, 1)
    const frame = framed(
      encodeServerMessage({ kind: 'rangePart', id: 1, kvs: [{ ...kv, value }] }),
      encodeServerMessage({ kind: 'rangePart', id: 2, kvs: [kv] }),
    )
    const messages = decodeServerFrame(frame, member)
    frame.fill(0xff)
    expect(messages.flatMap(message => (message.kind === 'rangePart' ? message.kvs : []))).toEqual([
      { ...kv, value },
      kv,
    ])
  })
})

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
