// Ranges of keys as the index and the watches use them: byte strings as latin1 strings (one code
// unit a byte), half-open, with null for "no end". Counterpart: the key and range_end of etcd.

import type { Bytes, KeyRange } from './types.js'

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

export function contains(bounds: Bounds, key: string): boolean {
  return key >= bounds.start && (bounds.end === null || key < bounds.end)
}

/** Byte order. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b)
}
