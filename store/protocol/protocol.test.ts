// The bytes of the protocol, pinned: whoever changes one of these lines changes what clients in
// other languages have to speak.

import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'

import {
  FrameWriter,
  ProtocolError,
  decodeClientFrame,
  decodeServerFrame,
  encodeClientMessage,
  encodeOnceHead,
  encodeServerMessage,
  encodeWatchEvent,
  protocolLimits,
  watchEventsChunks,
} from '../protocol.js'
import type { ClientMessage } from '../protocol.js'
import {
  utf8,
  hex,
  framed,
  kv,
  header,
  member,
  clientGolden,
  kvHex,
  serverGolden,
} from './testing/golden-messages.js'

const plainPackr = new Packr({ useRecords: false })

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
    const packed = Buffer.concat(watchEventsChunks([1], 300, false, [put, deletion]))
    expect(hex(packed)).toBe(
      `95 05 01 cd012c c2 92
      93 00 ${kvHex} c0
      93 01 96c40161c40000cd012c0000 ${kvHex}`.replaceAll(/\s/g, ''),
    )
    expect(decodeServerFrame(framed(packed), member)).toEqual([
      {
        kind: 'watchEvents',
        watches: [1],
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

  it('of events for several watches name all of them', () => {
    const put = encodeWatchEvent({ kind: 'put', kv, prevKv: null })
    const packed = Buffer.concat(watchEventsChunks([1, 300, 2], 300, true, [put]))
    expect(hex(packed)).toBe(`950593 01cd012c02 cd012c c3 91 9300${kvHex}c0`.replaceAll(' ', ''))
    expect(decodeServerFrame(framed(packed), member)).toEqual([
      {
        kind: 'watchEvents',
        watches: [1, 300, 2],
        revision: 300,
        more: true,
        events: [{ kind: 'put', kv, prevKv: null }],
        bytes: 36,
      },
    ])
  })

  it('of events for what is no watch are refused', () => {
    for (const watches of [[1, 'two'], [-1], [[1]], 'one']) {
      const packed = plainPackr.pack([5, watches, 300, false, []])
      expect(() => decodeServerFrame(framed(packed), member)).toThrow(ProtocolError)
    }
  })
})

describe('a name', () => {
  const write: ClientMessage = { kind: 'leaseRevoke', id: 15, lease: 8 }
  const once = { session: 2 ** 40, number: 2 ** 20, floor: 3 }

  it('may be put before a write that was packed without', () => {
    const packed = Buffer.concat([encodeOnceHead(once), encodeClientMessage(write)])
    expect(packed).toEqual(Buffer.from(encodeClientMessage({ ...write, once })))
  })

  it('goes with a write that is asked for with a token', () => {
    const message: ClientMessage = { kind: 'withToken', token: 't', request: { ...write, once } }
    expect(decodeClientFrame(framed(encodeClientMessage(message)))).toEqual([message])
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
    ['an opening whose nonce is a text', [[43, 1, 'sixteen of bytes']]],
    ['an opening whose nonce is nothing', [[43, 1, null]]],
    ['an opening with a field too many', [[43, 1, utf8('sixteen of bytes'), 0]]],
    ['a name of a read', [[8, 1, 1, 1, [25, 1]]]],
    ['a name of a name', [[8, 1, 1, 1, [8, 1, 1, 1, [22, 1, 8]]]]],
    ['a name of a token', [[8, 1, 1, 1, [47, 't', [22, 1, 8]]]]],
    ['a name of nothing', [[8, 1, 1, 1, []]]],
    ['a name without its floor', [[8, 1, 1, [22, 1, 8]]]],
    ['a name of a broken write', [[8, 1, 1, 1, [22, 1]]]],
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
