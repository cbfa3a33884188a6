import { constants, createDeflate } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spdyDictionary } from './spdy-dictionary.js'
import { SpdyEncoder, SpdyParser } from './spdy-frames.js'
import type { SpdyFrame } from './spdy-frames.js'
import { HeaderReader, HeaderWriter } from './spdy-headers.js'
import { StreamError } from './stream-error.js'

const ids = fc.integer({ min: 1, max: 0x7fff_ffff })
const words = fc.integer({ min: 0, max: 0x7fff_ffff })
const headers = fc
  .uniqueArray(
    fc.tuple(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
      fc.array(fc.stringMatching(/^[ -~]{0,20}$/), { minLength: 1, maxLength: 3 }),
    ),
    { selector: ([name]) => name, maxLength: 8 },
  )
  .map(entries => new Map(entries))

const frames: fc.Arbitrary<SpdyFrame> = fc.oneof(
  fc.record({ kind: fc.constant('syn-stream'), streamId: ids, headers, fin: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom('syn-reply', 'headers'),
    streamId: ids,
    headers,
    fin: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('rst-stream'), streamId: ids, status: words }),
  fc.record({ kind: fc.constant('ping'), id: words }),
  fc.record({ kind: fc.constant('goaway'), lastStreamId: words, status: words }),
  fc.record({
    kind: fc.constant('data'),
    streamId: ids,
    bytes: fc.uint8Array({ maxLength: 200 }),
    fin: fc.boolean(),
  }),
)

/** Pieces of one data frame put together again; a frame cannot be told from two by its pieces. */
function joined(list: readonly SpdyFrame[]): readonly unknown[] {
  const out: { kind: string; hex?: string; [key: string]: unknown }[] = []
  for (const frame of list) {
    const last = out.at(-1)
    if (frame.kind !== 'data') {
      out.push(
        'headers' in frame ? { ...frame, headers: [...frame.headers.entries()] } : { ...frame },
      )
    } else if (last?.kind === 'data' && last['streamId'] === frame.streamId && !last['fin']) {
      last.hex = `${last.hex}${Buffer.from(frame.bytes).toString('hex')}`
      last['fin'] = frame.fin
    } else {
      const { kind, streamId, fin, bytes } = frame
      out.push({ kind, streamId, fin, hex: Buffer.from(bytes).toString('hex') })
    }
  }
  return out
}

describe('frames of SPDY/3.1', () => {
  it('are read as they were written, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
        (sent, cuts) => {
          const encoder = new SpdyEncoder()
          const bytes = Buffer.concat(sent.map(frame => encoder.encode(frame)))
          const parser = new SpdyParser()
          const received: SpdyFrame[] = []
          for (let at = 0; at < bytes.length; ) {
            const length = cuts.next().value ?? 1
            received.push(...parser.push(bytes.subarray(at, at + length)))
            at += length
          }
          expect(joined(received)).toEqual(joined(sent))
        },
      ),
    )
  })

  it('fail with an error of the stream when the bytes are hostile, and with no other', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 6, 7, 8), fc.uint8Array({ maxLength: 120 }))
        .map(([type, body]) =>
          Buffer.concat([Buffer.from([0x80, 3, 0, type, 0, 0, 0, body.length]), body]),
        ),
    )
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 4 }), chunks => {
        const parser = new SpdyParser()
        try {
          for (const chunk of chunks) parser.push(chunk)
        } catch (error) {
          if (!(error instanceof StreamError)) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['another version', [0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]],
    ['data of stream 0', [0, 0, 0, 0, 0, 0, 0, 1, 65]],
    ['a control frame of 16 MiB', [0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]],
    ['a reset that is too short', [0x80, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1]],
    ['a stream without headers', [0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0]],
  ])('refuse %s', (_, bytes) => {
    expect(() => new SpdyParser().push(Buffer.from(bytes))).toThrow(StreamError)
  })

  it.each([
    ['SETTINGS', 4],
    ['WINDOW_UPDATE', 9],
    ['a kind that nobody knows', 77],
  ])('pass over %s', (_, type) => {
    const unknown = Buffer.from([0x80, 3, 0, type, 0, 0, 0, 3, 1, 2, 3])
    const ping = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9])
    expect(new SpdyParser().push(Buffer.concat([unknown, ping]))).toEqual([{ kind: 'ping', id: 9 }])
  })
})

describe('header blocks', () => {
  it('are read from a real zlib that keeps its state between them', async () => {
    const deflate = createDeflate({ dictionary: spdyDictionary, level: 9 })
    const reader = new HeaderReader()
    for (let id = 0; id < 5; id += 1) {
      const expected = new Map([
        ['streamtype', ['data']],
        ['port', ['8080']],
        ['requestid', [String(id)]],
      ])
      const pieces: Buffer[] = []
      const number = (value: number) => Buffer.from([0, 0, 0, value])
      pieces.push(number(expected.size))
      for (const [name, [value = '']] of expected) {
        pieces.push(
          number(name.length),
          Buffer.from(name),
          number(value.length),
          Buffer.from(value),
        )
      }
      deflate.write(Buffer.concat(pieces))
      await new Promise<void>(resolve => deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()))
      expect(reader.read(deflate.read() as Buffer)).toEqual(expected)
    }
  })

  it('are compared without case, and of another dictionary refused', () => {
    const block = new HeaderWriter().write(new Map([['StreamType', ['error']]]))
    expect(new HeaderReader().read(block).get('streamtype')).toEqual(['error'])
    const other = Buffer.from(block)
    other[5] = (other[5] ?? 0) ^ 1
    expect(() => new HeaderReader().read(other)).toThrow('another dictionary')
  })
})
