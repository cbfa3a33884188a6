// Ranges of keys as the index and the watches use them: byte strings as latin1 strings (one code
// unit a byte), half-open, with null for "no end". Counterpart: the key and range_end of etcd.

import type { Bytes, KeyRange, WatchRequest } from './types.js'

export interface Bounds {
  readonly start: string
  /** Exclusive; null: everything from `start` on. */
  readonly end: string | null
  /** Exactly the key `start`. */
  readonly single: boolean
}

export function keyString(bytes: Bytes): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}

export function keyBytes(key: string): Bytes {
  return Buffer.from(key, 'latin1')
}

/** An empty `end` counts as none, as on etcd's wire. */
export function boundsOf(range: KeyRange): Bounds {
  const start = keyString(range.key)
  if (range.end === undefined || range.end.length === 0) {
    return { start, end: `${start}\0`, single: true }
  }
  const end = range.end.length === 1 && range.end[0] === 0 ? null : keyString(range.end)
  return { start, end, single: false }
}

/** Every range of a watch: whoever decides what may be watched decides on each. */
export function watchedRanges(request: WatchRequest): readonly KeyRange[] {
  return [request, ...(request.moreRanges ?? [])]
}

/** Ranges as one set of keys: disjoint, in order, each as long as can be. Empty ones add nothing. */
export class KeySet {
  readonly parts: readonly Bounds[]

  constructor(ranges: readonly KeyRange[]) {
    this.parts = ranges.length === 1 ? ranges.map(boundsOf) : merged(ranges.map(boundsOf))
  }

  has(key: string): boolean {
    const { parts } = this
    let low = 0
    let high = parts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((parts[middle] as Bounds).start <= key) low = middle + 1
      else high = middle
    }
    const part = parts[low - 1]
    return part !== undefined && (part.end === null || key < part.end)
  }
}

function merged(all: readonly Bounds[]): Bounds[] {
  const sorted = all
    .filter(bounds => !isEmpty(bounds))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const parts: Bounds[] = []
  for (const next of sorted) {
    const last = parts.at(-1)
    if (last === undefined || (last.end !== null && last.end < next.start)) {
      parts.push(next)
    } else if (last.end !== null && (next.end === null || next.end > last.end)) {
      parts[parts.length - 1] = { start: last.start, end: next.end, single: false }
    }
  }
  return parts
}

export function isEmpty({ start, end }: Bounds): boolean {
  return end !== null && end <= start
}

export function contains(bounds: Bounds, key: string): boolean {
  return key >= bounds.start && (bounds.end === null || key < bounds.end)
}

/** Byte order. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b)
}
