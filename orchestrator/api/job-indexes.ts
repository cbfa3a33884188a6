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
