// Randomness of the operating system: fit for jitter and for names that nobody may guess.

import { randomBytes, randomFillSync } from 'node:crypto'
import { assert } from '../errors.js'
import type { Random } from '../random.js'

const poolBytes = 4096

export function nodeRandom(): Random {
  // One system call serves 512 draws.
  const pool = Buffer.alloc(poolBytes)
  let used = poolBytes

  /** Uniform integer in [0, 2^53). */
  const draw = (): number => {
    if (used === poolBytes) {
      randomFillSync(pool)
      used = 0
    }
    const high = pool.readUInt32LE(used) & 0x1fffff
    const low = pool.readUInt32LE(used + 4)
    used += 8
    return high * 0x1_0000_0000 + low
  }

  return {
    next: () => draw() / 2 ** 53,
    integer(bound) {
      assert(Number.isSafeInteger(bound) && bound >= 1, 'bound must be an integer in 1..2^53-1')
      // Draws above the last whole multiple of the bound would favour small results.
      const limit = 2 ** 53 - (2 ** 53 % bound)
      let value = draw()
      while (value >= limit) value = draw()
      return value % bound
    },
    bytes: length => new Uint8Array(randomBytes(length)),
  }
}
