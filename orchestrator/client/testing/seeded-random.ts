// A Random that replays: mulberry32.

import type { Random } from '../../../platform/random.js'

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    integer: bound => Math.floor(next() * bound),
    bytes: length => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  }
}
