// Randomness by name: every subsystem of a simulation draws from a stream of its own, so that one
// more draw in one of them does not reshuffle the others. Counterpart: the deterministic random
// sources of FoundationDB and TigerBeetle's simulators.

import type { Random } from '../../platform/random.js'
import { seededRandom } from '../../platform/seeded-random.js'

export class Streams {
  private readonly seed: number
  private readonly opened = new Map<string, Random>()

  /** `seed`: an integer in 0..2^53-1. */
  constructor(seed: number) {
    this.seed = seed
  }

  /** The same stream for the same name; it goes on where it was left. */
  of(name: string): Random {
    const known = this.opened.get(name)
    if (known !== undefined) return known
    const stream = seededRandom(seedOf(`${this.seed}/${name}`))
    this.opened.set(name, stream)
    return stream
  }
}

/** FNV-1a, twice with different beginnings, for the two halves of a seed. */
function seedOf(text: string): number {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let at = 0; at < text.length; at += 1) {
    low = Math.imul(low ^ text.charCodeAt(at), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(at), 0x01000193)
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0)
}

// ---- draws that read well ----

export const chance = (random: Random, probability: number): boolean => random.next() < probability

export const between = (random: Random, min: number, max: number): number =>
  min + random.next() * (max - min)

/** Both ends included. */
export const wholeBetween = (random: Random, min: number, max: number): number =>
  min + random.integer(max - min + 1)

export function pick<T>(random: Random, from: readonly [T, ...(readonly T[])]): T
export function pick<T>(random: Random, from: readonly T[]): T | undefined
export function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from.length === 0 ? undefined : from[random.integer(from.length)]
}
