// Randomness as an argument, so that a seed replays a run.

import { assert } from './errors.js'

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, bound); bound in 1..2^53-1. */
  integer(bound: number): number
  bytes(length: number): Uint8Array
}

/** A uniform integer in [0, bound) from `draw`, which is uniform in [0, 2^53). */
export function integerBelow(bound: number, draw: () => number): number {
  assert(Number.isSafeInteger(bound) && bound >= 1, 'bound must be an integer in 1..2^53-1')
  // Draws above the last whole multiple of the bound would favour small results.
  const limit = 2 ** 53 - (2 ** 53 % bound)
  let value = draw()
  while (value >= limit) value = draw()
  return value % bound
}
