// Messages in pieces of any length, deadlines, and sentences in headers.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { RpcMessages, encodeStatusMessage, framed, timeoutMsOf } from './rpc-framing.js'

describe('messages', () => {
  it('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (sent, cuts) => {
          const bytes = Buffer.concat(sent.map(framed))
          const messages = new RpcMessages(40)
          const received: Buffer[] = []
          let at = 0
          for (let turn = 0; at < bytes.length; turn++) {
            const length = cuts[turn % cuts.length] ?? 1
            messages.add(bytes.subarray(at, at + length))
            at += length
            for (let next = messages.next(); next !== null; next = messages.next()) {
              if ('message' in next) received.push(Buffer.from(next.message))
            }
          }
          expect(received).toEqual(sent.map(message => Buffer.from(message)))
          expect(messages.empty).toBe(true)
        },
      ),
    )
  })

  it('above the limit are refused by their head alone, and compressed ones too', () => {
    const long = new RpcMessages(10)
    long.add(Buffer.from([0, 0, 0, 0, 11]))
    expect(long.next()).toEqual({
      code: 8,
      refused: 'grpc: received message larger than max (11 vs. 10)',
    })
    const compressed = new RpcMessages(10)
    compressed.add(Buffer.from([1, 0, 0, 0, 1, 0]))
    expect(compressed.next()).toMatchObject({ code: 12 })
  })
})

describe('a deadline', () => {
  it.each([
    [undefined, Number.POSITIVE_INFINITY],
    ['5S', 5_000],
    ['100m', 100],
    ['2M', 120_000],
    ['1H', 3_600_000],
    ['500u', 0.5],
    ['99999999H', Number.POSITIVE_INFINITY],
    ['', null],
    ['5', null],
    ['-5S', null],
    ['123456789S', null],
    ['5s', null],
  ] as const)('%s is %s', (header, milliseconds) => {
    expect(timeoutMsOf(header)).toBe(milliseconds)
  })
})

describe('a sentence', () => {
  it('stands in a header as any gRPC library reads it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        const header = encodeStatusMessage(text)
        expect(header).toMatch(/^[ -~]*$/)
        expect(decodeURIComponent(header)).toBe(text)
      }),
    )
    expect(encodeStatusMessage('50% of “it”')).toBe('50%25 of %E2%80%9Cit%E2%80%9D')
  })
})
