import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { PackedValue, UnpackRules } from './msgpack.js'
import { FieldReader, MalformedFrame, packArray, packExact, unpackArray } from './msgpack.js'

const rules: UnpackRules = {
  itemsMax: 10_000,
  depthMax: 8,
  textBytesMax: 1_000,
  numbers: 'any',
  binaries: 'views',
  error: detail => new MalformedFrame(detail),
}

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
        const back = unpackArray(packArray(value), { ...rules, itemsMax: 1e6 })
        expect(plain(back)).toEqual(plain(value))
      }),
    )
  })

  test('have the bytes that msgpackr would give them', () => {
    const packr = new Packr({ useRecords: false })
    const numbers = [
      0,
      1,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53,
    ]
    const signed = [...numbers, ...numbers.map(number => -number - 1), 0.5, Number.MAX_VALUE]
    const lengths = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]
    const texts = ['', 'é', 'e'.repeat(30) + 'é', 'é'.repeat(20), '日本'.repeat(40), '👍'.repeat(9)]
    const values: PackedValue[][] = [
      signed,
      texts,
      lengths.map(length => 'x'.repeat(length)),
      lengths.map(length => new Uint8Array(length).fill(length)),
      lengths.map(length => Array.from({ length }, () => null)),
    ]
    for (const value of values) {
      for (const each of [value, ...value.map(item => [item])])
        expect(plain(packArray(each))).toBe(plain(packr.pack(each)))
    }
    fc.assert(
      fc.property(packed, value => {
        expect(plain(packArray(value))).toBe(plain(packr.pack(value)))
      }),
    )
  })

  test('are the same when packed exactly, in memory of their own', () => {
    fc.assert(
      fc.property(packed, fc.nat(3), (value, before) => {
        const others = [packArray([1, 'earlier'])]
        const exact = packExact(value, before)
        others.push(packArray([2, 'later']), packExact(['longer']))
        expect(exact.buffer.byteLength).toBe(exact.length)
        expect(others.map(bytes => unpackArray(bytes, rules))).toEqual([
          [1, 'earlier'],
          [2, 'later'],
          ['longer'],
        ])
        expect(plain(exact.subarray(before))).toBe(plain(packArray(value)))
      }),
    )
  })

  test('may be longer than what is kept for packing them', () => {
    const value = [new Uint8Array(6 * 1024 * 1024).fill(7), 'end']
    const exact = packExact(value, 1)
    expect(exact.length).toBeLessThan(6 * 1024 * 1024 + 20)
    const [bytes, end] = unpackArray(exact.subarray(1), rules)
    expect(Buffer.from(bytes as Uint8Array).equals(Buffer.alloc(6 * 1024 * 1024, 7))).toBe(true)
    expect(end).toBe('end')
    // What was made for it is not used again.
    expect(plain(packExact([1]))).toBe(plain(packArray([1])))
  })

  test('of any bytes are decoded or refused as malformed, never worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          expect(Array.isArray(unpackArray(bytes, rules))).toBe(true)
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
      expect(() => unpackArray(bytes.subarray(0, length), rules)).toThrow(MalformedFrame)
    expect(() => unpackArray(Buffer.concat([bytes, bytes]), rules)).toThrow('bytes follow')
  })

  test.each([
    ['a map', [0x91, 0x81, 0xa1, 0x61, 0x01]],
    ['a map of 16 bits', [0x91, 0xde, 0, 0]],
    ['a fixed extension', [0x91, 0xd4, 0x72, 0x40]],
    ['a timestamp', [0x91, 0xd6, 0xff, 0, 0, 0, 0]],
    ['an extension of 8 bits', [0x91, 0xc7, 1, 0x72, 0]],
    ['the byte that is never used', [0x91, 0xc1]],
  ])('with %s are refused before the decoder sees them', (_what, bytes) => {
    expect(() => unpackArray(Uint8Array.from(bytes), rules)).toThrow(
      'maps and extensions are refused',
    )
  })

  test.each([
    ['an array that claims four billion values', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a text that claims four billion bytes', [0x91, 0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['no array', [0x01]],
  ])('with %s are refused', (_what, bytes) => {
    expect(() => unpackArray(Uint8Array.from(bytes), rules)).toThrow(MalformedFrame)
  })

  test('cannot teach the decoder a record', () => {
    const record = new Packr({ useRecords: true }).pack([{ a: 1 }])
    expect(() => unpackArray(record, rules)).toThrow('maps and extensions are refused')
  })

  test('are held to their limits of depth, number and text, and reach each of them', () => {
    const deep = (depth: number) => Uint8Array.from([...Array<number>(depth).fill(0x91), 0xc0])
    expect(() => unpackArray(deep(9), rules)).toThrow('nested deeper than 8')
    expect(unpackArray(deep(8), rules)).toHaveLength(1)
    const many = (count: number) => packArray(Array<number>(count).fill(1))
    expect(() => unpackArray(many(10_000), rules)).toThrow('more than 10000 items')
    expect(unpackArray(many(9_999), rules)).toHaveLength(9_999)
    const inner = packArray([Array<number>(9_998).fill(1), 1])
    expect(() => unpackArray(inner, rules)).toThrow('items')
    expect(() => unpackArray(packArray(['a'.repeat(1_001)]), rules)).toThrow('a text is longer')
    expect(unpackArray(packArray(['a'.repeat(1_000)]), rules)).toHaveLength(1)
    const short = { ...rules, textBytesMax: 3 }
    expect(() => unpackArray(packArray(['four']), short)).toThrow('a text is longer')
    expect(unpackArray(packArray(['abc', Buffer.alloc(5_000)]), short)).toHaveLength(2)
  })

  test.each([
    ['a float of 32 bits', [0x91, 0xca, 0x3f, 0xc0, 0, 0], 1.5],
    ['an integer of 64 bits', [0x91, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0], 2 ** 32],
    ['a negative integer of 64 bits', [0x91, 0xd3, ...Array<number>(8).fill(255)], -1],
  ])('with %s are taken from other libraries only', (_what, bytes, value) => {
    expect(unpackArray(Uint8Array.from(bytes), rules)).toEqual([value])
    const own = { ...rules, numbers: 'own' as const }
    expect(() => unpackArray(Uint8Array.from(bytes), own)).toThrow('long integers are refused')
  })

  test('are refused with the error of their reader', () => {
    const error = (detail: string) => new RangeError(`mine: ${detail}`)
    expect(() => unpackArray(Uint8Array.of(0xc1), { ...rules, error })).toThrow(RangeError)
    expect(() => unpackArray(Uint8Array.of(0x01), { ...rules, error })).toThrow(
      'mine: it is not an array',
    )
  })

  test('hand out binaries as views or as copies, as their reader wants', () => {
    const bytes = packArray([Uint8Array.of(1, 2, 3)]).slice()
    const [view] = unpackArray(bytes, rules)
    const [copy] = unpackArray(bytes, { ...rules, binaries: 'copies' })
    bytes.fill(9)
    expect([...(view as Uint8Array)]).toEqual([9, 9, 9])
    expect([...(copy as Uint8Array)]).toEqual([1, 2, 3])
    expect((copy as Uint8Array).buffer.byteLength).toBe(3)
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
