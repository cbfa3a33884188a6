// How the seats of a server are shared out among the levels: nominally by shares; then, from time to
// time, by what each has wanted, within what it lends and borrows. Counterpart: util/flowcontrol/
// {apf_controller,max_seats,conc_alloc}.go of apiserver. Pure.

import type { PriorityLevelConfigurationSpec } from '../types/flowcontrol.js'

export interface LevelLimits {
  readonly nominal: number
  /** What it cannot lend. */
  readonly lower: number
  /** With all that it can borrow. */
  readonly upper: number
}

/** By name of the level; the exempt one counts like others, though nothing limits it. */
export function levelLimits(
  levels: ReadonlyMap<string, PriorityLevelConfigurationSpec>,
  serverSeats: number,
): ReadonlyMap<string, LevelLimits> {
  const total = [...levels.values()].reduce((sum, spec) => sum + sharesOf(spec), 0)
  return new Map(
    [...levels].map(([name, spec]) => {
      const nominal = total === 0 ? 0 : Math.ceil((serverSeats * sharesOf(spec)) / total)
      const { lendablePercent = 0 } = spec.limited ?? spec.exempt ?? {}
      const lower = nominal - Math.round((nominal * lendablePercent) / 100)
      const borrow = spec.limited?.borrowingLimitPercent
      const upper =
        borrow === undefined ? serverSeats : nominal + Math.round((nominal * borrow) / 100)
      return [name, { nominal, lower, upper: Math.max(upper, nominal) }]
    }),
  )
}

function sharesOf(spec: PriorityLevelConfigurationSpec): number {
  return (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? 0
}

export interface LevelDemand {
  readonly limits: LevelLimits
  /** The most that it wanted lately. */
  readonly highest: number
  /** Mean and deviation of what it wanted, let go of slowly. */
  readonly smoothed: number
}

/** Of the old value, what is kept when it was higher: half of it after five minutes. */
const kept = 0.977

export function smoothedDemand(before: number, mean: number, deviation: number): number {
  const envelope = mean + deviation
  return Math.max(envelope, kept * before + (1 - kept) * envelope)
}

export interface SharedOut {
  /** In the order of the levels. */
  readonly seats: readonly number[]
  /** Seats a wanted seat, as it came out. */
  readonly fraction: number
}

/**
 * Every level gets what it cannot lend, or wants of its nominal seats; the rest goes to all in the same
 * proportion to what they want, up to what they may have.
 */
export function shareOut(levels: readonly LevelDemand[], serverSeats: number): SharedOut {
  const bounds = levels.map(({ limits, highest, smoothed }) => {
    const least = Math.max(limits.lower, Math.min(limits.nominal, highest))
    return { least, most: Math.max(limits.upper, least), target: Math.max(least, smoothed, 1) }
  })
  const at = (fraction: number) =>
    bounds.map(({ least, most, target }) => Math.min(most, Math.max(least, fraction * target)))
  const sum = (seats: readonly number[]) => seats.reduce((total, one) => total + one, 0)
  if (sum(at(0)) >= serverSeats) return { seats: bounds.map(one => one.least), fraction: 0 }
  let low = 0
  let high = serverSeats
  // What all get grows with the fraction, so halving finds it to less than a seat.
  for (let round = 0; round < rounds; round++) {
    const middle = (low + high) / 2
    if (sum(at(middle)) > serverSeats) high = middle
    else low = middle
  }
  return { seats: at(low).map(Math.round), fraction: low }
}

const rounds = 50
