// What several repetitions amount to. The median, for one disturbed repetition must not move the result,
// and the spread beside it, for without it nobody can tell a difference from noise.

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Of nothing: zeros. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: medianOf(sorted), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0 }
}

/** How far the values lie from the median at most, as a part of it. */
export function unsteadiness({ median, least, most }: Spread): number {
  return median === 0 ? 0 : Math.max(most - median, median - least) / Math.abs(median)
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? 0
  if (sorted.length % 2 === 1) return upper
  return ((sorted[middle - 1] ?? 0) + upper) / 2
}
