// What a user may touch, as sorted intervals of keys that neither overlap nor touch: permissions of
// all its roles merged, so that a range covered by two neighbours together is permitted.
// Counterpart: the interval trees of etcd's range permission cache.

import type { Bounds } from '../key-range.js'

interface Interval {
  readonly start: string
  /** Exclusive; null: no end. */
  end: string | null
}

export class KeyIntervals {
  readonly #intervals: readonly Interval[]

  constructor(permitted: readonly Bounds[]) {
    this.#intervals = merged(permitted)
  }

  /** True when every key of the range is permitted. */
  covers({ start, end }: Bounds): boolean {
    // A range that is turned around holds no key. As in etcd, it passes where the key it begins with
    // does.
    if (end !== null && end <= start) return this.#covers(start, `${start}\0`)
    return this.#covers(start, end)
  }

  #covers(start: string, end: string | null): boolean {
    const interval = this.#intervals[this.#lastAtOrBefore(start)]
    if (interval === undefined) return false
    if (interval.end === null) return true
    return end !== null && start < interval.end && end <= interval.end
  }

  /** Index of the last interval that starts at or before `key`; -1 without one. */
  #lastAtOrBefore(key: string): number {
    let low = 0
    let high = this.#intervals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const interval = this.#intervals[middle]
      if (interval !== undefined && interval.start <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function merged(permitted: readonly Bounds[]): Interval[] {
  const sorted = permitted
    .map(({ start, end }): Interval => ({ start, end }))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const intervals: Interval[] = []
  for (const next of sorted) {
    const last = intervals.at(-1)
    if (last === undefined || (last.end !== null && last.end < next.start)) intervals.push(next)
    else if (last.end !== null && (next.end === null || next.end > last.end)) last.end = next.end
  }
  return intervals
}
