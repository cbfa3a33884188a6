// Randomness that a seed replays bit for bit: sfc32 (Chris Doty-Humphrey), seeded through
// splitmix32. For simulation and tests; anybody who knows the seed knows every draw.

import { assert } from './errors.js'
import type { Random } from './random.js'
import { integerBelow } from './random.js'

/** `seed`: any integer below 2^53; both its halves count. */
export function seededRandom(seed: number): Random {
  assert(Number.isSafeInteger(seed), 'seed must be a safe integer')
  let mix = (seed | 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix ^ (mix >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let counter = 1

  const word = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let round = 0; round < 12; round += 1) word()

  const draw = (): number => (word() & 0x1fffff) * 0x1_0000_0000 + word()

  return {
    next: () => draw() / 2 ** 53,
    integer: bound => integerBelow(bound, draw),
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 1) bytes[at] = word() & 0xff
      return bytes
    },
  }
}
