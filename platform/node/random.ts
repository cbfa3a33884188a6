// Randomness of the operating system: fit for jitter and for names that nobody may guess.

import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../random.js'
import { integerBelow } from '../random.js'

const poolBytes = 4096

export function nodeRandom(): Random {
  // One system call serves 512 draws.
  const pool = Buffer.alloc(poolBytes)
  let used = poolBytes

  const need = (bytes: number): void => {
    if (used + bytes <= poolBytes) return
    randomFillSync(pool)
    used = 0
  }

  /** Uniform integer in [0, 2^53). */
  const draw = (): number => {
    need(8)
    const high = pool.readUInt32LE(used) & 0x1fffff
    const low = pool.readUInt32LE(used + 4)
    used += 8
    return high * 0x1_0000_0000 + low
  }

  return {
    next: () => draw() / 2 ** 53,
    integer: bound => integerBelow(bound, draw),
    bytes(length) {
      if (length > poolBytes / 64) return new Uint8Array(randomBytes(length))
      need(length)
      const taken = new Uint8Array(length)
      taken.set(pool.subarray(used, used + length))
      // What was given away is nobody else's to find.
      pool.fill(0, used, used + length)
      used += length
      return taken
    },
  }
}
