import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { PackedValue } from './msgpack.js'
import { FieldReader, MalformedFrame, packArray, unpackArray } from './msgpack.js'

const limits = { itemsMax: 10_000, depthMax: 8 }

const leaf: fc.Arbitrary<PackedValue> = fc.oneof(
  fc.maxSafeInteger(),
  // A negative zero is packed as a plain one.
  fc.double({ noNaN: true }).map(value => (value === 0 ? 0 : value)),
  fc.boolean(),
  fc.constant(null),
  fc.string({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
)
const packed: fc.Arbitrary<readonly PackedValue[]> = fc.array(
  fc.oneof(leaf, fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 40 })), { maxLength: 40 })),
)

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Array.isArray(value) ? value.map(plain) : value
}

describe('packed arrays', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(packed, value => {
        const back = unpackArray(packArray(value), { itemsMax: 1e6, depthMax: 8 })
        expect(plain(back)).toEqual(plain(value))
      }),
    )
  })

  test('of any bytes are decoded or refused as malformed, never worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          expect(Array.isArray(unpackArray(bytes, limits))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrame)
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('are refused when they are cut or have something behind them', () => {
    const bytes = packArray([1, 'text', Uint8Array.of(1, 2, 3), [300, 70_000, 2 ** 40, -5, 1.5]])
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => unpackArray(bytes.subarray(0, length), limits)).toThrow(MalformedFrame)
    expect(() => unpackArray(Buffer.concat([bytes, bytes]), limits)).toThrow('bytes follow')
  })

  test.each([
    ['a map', [0x91, 0x81, 0xa1, 0x61, 0x01]],
    ['a map of 16 bits', [0x91, 0xde, 0, 0]],
    ['a fixed extension', [0x91, 0xd4, 0x72, 0x40]],
    ['a timestamp', [0x91, 0xd6, 0xff, 0, 0, 0, 0]],
    ['an extension of 8 bits', [0x91, 0xc7, 1, 0x72, 0]],
    ['the byte that is never used', [0x91, 0xc1]],
  ])('with %s are refused before the decoder sees them', (_what, bytes) => {
    expect(() => unpackArray(Uint8Array.from(bytes), limits)).toThrow('is not accepted')
  })

  test.each([
    ['an array that claims four billion values', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a text that claims four billion bytes', [0x91, 0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['no array', [0x01]],
  ])('with %s are refused', (_what, bytes) => {
    expect(() => unpackArray(Uint8Array.from(bytes), limits)).toThrow(MalformedFrame)
  })

  test('cannot teach the decoder a record', () => {
    const record = new Packr({ useRecords: true }).pack([{ a: 1 }])
    expect(() => unpackArray(record, limits)).toThrow('is not accepted')
  })

  test('are held to their limits of depth and number', () => {
    const deep = Uint8Array.from([...Array<number>(9).fill(0x91), 0xc0])
    expect(() => unpackArray(deep, limits)).toThrow('nested')
    expect(() => unpackArray(packArray(Array<number>(10_000).fill(1)), limits)).toThrow('values')
  })
})

describe('a reader of fields', () => {
  test('takes what is there and names what is not', () => {
    const fields = new FieldReader([7, true, 'ab', Uint8Array.of(1), [1]], 'thing')
    expect(fields.natural()).toBe(7)
    expect(fields.boolean()).toBe(true)
    expect(fields.text(2)).toBe('ab')
    expect(fields.bytes()).toEqual(Uint8Array.of(1))
    expect(() => fields.end()).toThrow('thing is too long')
    expect(fields.array('list').natural()).toBe(1)
    expect(() => fields.natural()).toThrow('thing is too short')
  })

  test.each([-1, 1.5, 2 ** 53, Number.NaN, '1', null])('takes %s for no natural number', value => {
    expect(() => new FieldReader([value], 'thing').natural()).toThrow(MalformedFrame)
  })
})
