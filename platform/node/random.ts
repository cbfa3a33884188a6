// Randomness of the operating system: fit for jitter and for names that nobody may guess.

import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../random.js'
import { integerBelow } from '../random.js'

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
    integer: bound => integerBelow(bound, draw),
    bytes: length => new Uint8Array(randomBytes(length)),
  }
}
