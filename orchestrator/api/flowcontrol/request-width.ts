// How many seats a request takes: a list takes more the more it goes through, and a write holds some
// for a moment after its end, for the watchers that are told of it. Counterpart: util/flowcontrol/
// request of apiserver. Pure.

export interface RequestWidth {
  /** While it runs. At least 1. */
  readonly seats: number
  /** For `finalMs` after it has ended. */
  readonly finalSeats: number
  readonly finalMs: number
}

const objectsPerSeat = 100
const watchesPerSeat = 10
const seatsMax = 10
const toldMs = 5
/** Of a level's seats, what one request may take. */
const levelPart = 0.15

export const narrow: RequestWidth = { seats: 1, finalSeats: 0, finalMs: 0 }

/** The widest that a request may be on a level of so many seats. */
export function widthMax(levelSeats: number): number {
  return Math.max(1, Math.min(seatsMax, Math.ceil(levelSeats * levelPart)))
}

/** `stored`: objects of the kind. `limit`: of the page, 0 for all. */
export function listWidth(
  stored: number,
  limit: number,
  selective: boolean,
  max: number,
): RequestWidth {
  // With a selector a page may have to be looked for among all objects.
  const looked = limit > 0 && !selective ? Math.min(limit, stored) : stored
  const seats = Math.max(1, Math.min(max, Math.ceil(looked / objectsPerSeat)))
  return seats === 1 ? narrow : { seats, finalSeats: 0, finalMs: 0 }
}

export function writeWidth(watches: number, max: number): RequestWidth {
  if (watches === 0) return narrow
  const wanted = Math.ceil(watches / watchesPerSeat)
  const finalSeats = Math.min(wanted, max)
  return { seats: 1, finalSeats, finalMs: (wanted * toldMs) / finalSeats }
}
