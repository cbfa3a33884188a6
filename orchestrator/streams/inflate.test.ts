import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Inflater } from './inflate.js'
import { spdyDictionary, spdyDictionaryId } from './spdy-dictionary.js'
import { StreamError } from './stream-error.js'

const flushed = (text: Uint8Array, level: number, strategy = constants.Z_DEFAULT_STRATEGY) =>
  deflateRawSync(text, { level, strategy, finishFlush: constants.Z_SYNC_FLUSH })

/** Text with repetitions, so that there is something to refer back to. */
const texts = fc
  .array(fc.oneof(fc.constantFrom('streamtype', 'port', 'aaaaaaaaaaaa'), fc.string()), {
    maxLength: 60,
  })
  .map(parts => Buffer.from(parts.join('')))

const bytesMax = 1 << 20

describe('the decoder of deflate', () => {
  it('reads what zlib writes, at every level and with fixed codes', () => {
    const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]
    fc.assert(
      fc.property(
        texts,
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom(...strategies),
        (text, level, strategy) => {
          const inflater = new Inflater(new Uint8Array())
          const out = inflater.inflate(flushed(text, level, strategy), bytesMax)
          expect(Buffer.from(out).equals(text)).toBe(true)
        },
      ),
    )
  })

  it('refers back to earlier blocks, a window of 32 KiB long', () => {
    const long = Buffer.alloc(200_000, 'the quick brown fox jumps over the lazy dog. ')
    const whole = flushed(long, 9)
    const inflater = new Inflater(new Uint8Array())
    expect(Buffer.from(inflater.inflate(whole, bytesMax)).equals(long)).toBe(true)
    const again = deflateRawSync(long.subarray(0, 500), {
      dictionary: long.subarray(-32_768),
      finishFlush: constants.Z_SYNC_FLUSH,
    })
    expect(Buffer.from(inflater.inflate(again, bytesMax)).equals(long.subarray(0, 500))).toBe(true)
  })

  it('fails with an error of its own on bytes that are no deflate, and agrees with zlib where both read them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        let ours: Uint8Array | null = null
        try {
          ours = new Inflater(new Uint8Array()).inflate(bytes, 65_536)
        } catch (error) {
          if (!(error instanceof StreamError)) throw error
        }
        let theirs: Uint8Array | null = null
        try {
          theirs = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH })
        } catch {
          // It also looks at the bits behind the last block, and at codes that are not used up.
        }
        if (ours === null || theirs === null) return
        expect(Buffer.from(ours).equals(theirs)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('stops at its limit: a few bytes must not become many', () => {
    const bomb = flushed(Buffer.alloc(10_000_000), 9)
    expect(() => new Inflater(new Uint8Array()).inflate(bomb, 65_536)).toThrow(StreamError)
  })

  it('has the dictionary of the protocol', () => {
    let a = 1
    let b = 0
    for (const byte of spdyDictionary) {
      a = (a + byte) % 65_521
      b = (b + a) % 65_521
    }
    expect(spdyDictionary).toHaveLength(1423)
    expect(((b << 16) | a) >>> 0).toBe(spdyDictionaryId)
  })
})
