// Sets of indexes of an Indexed Job as text: "1,3-5,7". Counterpart: validateIndexesFormat of
// pkg/apis/batch/validation.

export interface IndexInterval {
  readonly first: number
  readonly last: number
}

export type ParsedIndexes =
  | { readonly intervals: readonly IndexInterval[]; readonly count: number }
  /** What is wrong, in the original's words. */
  | { readonly problem: string }

/** Increasing, and below `completions`. */
export function parseIndexes(text: string, completions: number): ParsedIndexes {
  const intervals: IndexInterval[] = []
  let count = 0
  let previous: number | null = null
  for (const part of text === '' ? [] : text.split(',')) {
    const interval = parseInterval(part, completions)
    if ('problem' in interval) return interval
    if (previous !== null && previous >= interval.first) {
      return { problem: disorder(previous, interval.first) }
    }
    intervals.push(interval)
    count += interval.last - interval.first + 1
    previous = interval.last
  }
  return { intervals, count }
}

function parseInterval(
  text: string,
  completions: number,
): IndexInterval | { readonly problem: string } {
  const parts = text.split('-')
  if (parts.length > 2) {
    const rule =
      "the requirement that an index interval can have at most two parts separated by '-'"
    return { problem: `the fragment ${JSON.stringify(text)} violates ${rule}` }
  }
  for (const part of parts) {
    const quoted = JSON.stringify(part)
    if (!/^\+?\d{1,15}$/.test(part)) {
      return { problem: `cannot convert string to integer for index: ${quoted}` }
    }
    if (Number(part) >= completions) return { problem: `too large index: ${quoted}` }
  }
  const first = Number(parts[0])
  if (parts.length === 1) return { first, last: first }
  const last = Number(parts[1])
  return first >= last ? { problem: disorder(first, last) } : { first, last }
}

function disorder(previous: number, current: number): string {
  return `non-increasing order, previous: ${previous}, current: ${current}`
}

/** The lowest index that is in both; null when there is none. */
export function sharedIndex(
  some: readonly IndexInterval[],
  others: readonly IndexInterval[],
): number | null {
  let at = 0
  for (const { first, last } of some) {
    while (at < others.length && (others[at]?.last ?? 0) < first) at++
    const other = others[at]
    if (other !== undefined && other.first <= last) return Math.max(first, other.first)
  }
  return null
}

/** As the status of a Job shows them: two neighbours stand apart, three are an interval. */
export function formatIndexes(intervals: readonly IndexInterval[]): string {
  return intervals
    .map(({ first, last }) => {
      if (first === last) return `${first}`
      return last === first + 1 ? `${first},${last}` : `${first}-${last}`
    })
    .join(',')
}

/** The fewest intervals that cover both, in order. */
export function joinIndexes(
  some: readonly IndexInterval[],
  others: readonly IndexInterval[],
): readonly IndexInterval[] {
  const joined: IndexInterval[] = []
  for (const next of [...some, ...others].toSorted((a, b) => a.first - b.first)) {
    const open = joined.at(-1)
    if (open === undefined || next.first > open.last + 1) joined.push(next)
    else if (next.last > open.last) joined[joined.length - 1] = { ...open, last: next.last }
  }
  return joined
}

/** Single indexes, in any order and perhaps repeated. */
export function intervalsOf(indexes: Iterable<number>): readonly IndexInterval[] {
  return joinIndexes(
    [...indexes].map(index => ({ first: index, last: index })),
    [],
  )
}

/** Those below `completions`, which may have been lowered since they were written. */
export function indexesBelow(
  intervals: readonly IndexInterval[],
  completions: number,
): readonly IndexInterval[] {
  return intervals
    .filter(({ first }) => first < completions)
    .map(({ first, last }) => ({ first, last: Math.min(last, completions - 1) }))
}

/** Intervals in order, by bisection: there may be ten thousands, and as many questions. */
export function hasIndex(intervals: readonly IndexInterval[], index: number): boolean {
  let low = 0
  let high = intervals.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((intervals[middle]?.last ?? index) < index) low = middle + 1
    else high = middle
  }
  const found = intervals[low]
  return found !== undefined && found.first <= index
}

export function countIndexes(intervals: readonly IndexInterval[]): number {
  return intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

/** How many indexes are in both. */
export function countShared(
  some: readonly IndexInterval[],
  others: readonly IndexInterval[],
): number {
  let count = 0
  let at = 0
  for (const { first, last } of some) {
    while (at < others.length && (others[at]?.last ?? 0) < first) at++
    for (let beside = at; beside < others.length; beside++) {
      const other = others[beside]
      if (other === undefined || other.first > last) break
      count += Math.min(last, other.last) - Math.max(first, other.first) + 1
    }
  }
  return count
}
