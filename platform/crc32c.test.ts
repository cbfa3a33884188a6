import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c, seedOfCrc32c } from './crc32c.js'

/** The definition, bit by bit. */
function slow(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('crc32c', () => {
  test.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is as RFC 3720 and the catalogue say', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  test('agrees with its definition on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => crc32c(bytes) === slow(bytes)),
    )
  })

  test('goes on where it left off', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
        const middle = Math.min(cut, bytes.length)
        const first = crc32c(bytes, 0, middle)
        return crc32c(bytes, middle, bytes.length, first) === crc32c(bytes)
      }),
    )
  })

  test('tells the seed that it was begun with', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(0xffff_ffff),
        (bytes, seed) =>
          seedOfCrc32c(bytes, 0, bytes.length, crc32c(bytes, 0, bytes.length, seed)) === seed,
      ),
    )
  })
})
