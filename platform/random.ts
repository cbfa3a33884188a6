// Randomness as an argument, so that a seed replays a run.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, bound); bound in 1..2^53-1. */
  integer(bound: number): number
  bytes(length: number): Uint8Array
}
