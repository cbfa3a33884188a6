// One segment looked at as a whole, whatever state it is in: every good record and every range that is
// not. Pure. A start reads on only while all is well (segment-scan.ts); a repair and `raftsman wal` look
// further. Counterpart: wal.Verify and the repair of etcd, which end at the first bad record.

import type { SegmentHeader } from './payload.js'
import { formatVersion, formatVersionMin, readFormatVersion, readSegmentHeader } from './payload.js'
import { BadPayload } from './payload-reader.js'
import type { LogRecord } from './record.js'
import { findRecord, readRecord, recordType } from './record.js'

export interface Visitor {
  /** Records of one chain in order, the header included; `gap` says that this one begins a new chain. */
  record(record: LogRecord, offset: number, gap: boolean): void
  /** From `from` to `to` nothing is readable. */
  bad(from: number, to: number): void
}

export interface Examined {
  /** Null when the segment does not begin with a readable header; nothing was visited then. */
  readonly header: SegmentHeader | null
  /** Of the format, where only that is readable; 0 for nothing. */
  readonly version: number
  readonly previousCrc: number
  readonly lastCrc: number
  /** Behind the last good record. */
  readonly end: number
  /** Bytes that are in use, good or not. */
  readonly used: number
}

/** A gap counts as torn when nothing behind it was written after it was durable. */
export function examineSegment(segment: Buffer, visitor: Visitor): Examined {
  const used = usedBytes(segment)
  const first = readRecord(segment, 0, 0)
  const none = { header: null, version: 0, previousCrc: 0, lastCrc: 0, end: 0, used }
  if (first === null || first.type !== recordType.segment) return none
  const version = orNull(() => readFormatVersion(first.payload)) ?? 0
  if (version < formatVersionMin || version > formatVersion) return { ...none, version }
  const header = orNull(() => readSegmentHeader(first.payload))
  if (header === null) return { ...none, version }
  const { salt } = header
  const seen = new Set<number>([first.crc])
  let lastCrc = first.crc
  let at = first.end
  let durable = 0
  visitor.record(first, 0, false)
  let gap = false
  for (;;) {
    const next = readRecord(segment, at, salt)
    if (next !== null && (next.previousCrc === lastCrc || gap)) {
      seen.add(next.crc)
      durable = Math.max(durable, next.durable)
      visitor.record(next, at, gap)
      gap = false
      lastCrc = next.crc
      at = next.end
      continue
    }
    const found = nextChain(segment, at, salt, durable, seen)
    if (found === null) break
    visitor.bad(at, found)
    at = found
    gap = true
  }
  if (used > at) visitor.bad(at, used)
  return { header, version, previousCrc: first.previousCrc, lastCrc, end: at, used }
}

export function usedBytes(bytes: Buffer): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}

/**
 * Where good records go on behind a bad one. A record that a misdirected write put there is good in
 * itself; what gives it away is that it stands somewhere else too, that its successor does not know it,
 * or that it claims to be older or later than its place.
 */
function nextChain(
  segment: Buffer,
  from: number,
  salt: number,
  durable: number,
  seen: ReadonlySet<number>,
): number | null {
  let found = findRecord(segment, from, salt)
  while (found !== null) {
    const { offset, record } = found
    const follower = readRecord(segment, record.end, salt)
    const known = follower === null || follower.previousCrc === record.crc
    const fits = record.durable <= offset && record.durable >= durable
    if (known && fits && !seen.has(record.crc) && record.type !== recordType.segment) return offset
    found = findRecord(segment, record.end, salt)
  }
  return null
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadPayload) return null
    throw error
  }
}
