// One segment looked at as a whole, whatever state it is in: every good record and every range that is
// not. Pure. A start reads on only while all is well (segment-scan.ts); a repair and `raftsman wal` look
// further. Counterpart: wal.Verify and the repair of etcd, which end at the first bad record.

import type { SegmentHeader } from './payload.js'
import { formatVersion, formatVersionMin, readFormatVersion, readSegmentHeader } from './payload.js'
import { BadPayload } from './payload-reader.js'
import type { LogRecord } from './record.js'
import { findRecord, findSalt, readRecord, recordType } from './record.js'

export interface Visitor {
  /** Records of one chain in order, the header included; `gap` says that this one begins a new chain. */
  record(record: LogRecord, offset: number, gap: boolean): void
  /** From `from` to `to` nothing is readable. */
  bad(from: number, to: number): void
}

export interface Examined {
  /** Null when the segment does not begin with a readable header. */
  readonly header: SegmentHeader | null
  /** Null when not even its records tell it; nothing was visited then. */
  readonly salt: number | null
  /** Of the format, where only that is readable; 0 for nothing. */
  readonly version: number
  readonly previousCrc: number
  readonly lastCrc: number
  /** Behind the last good record. */
  readonly end: number
  /** Bytes that are in use, good or not. */
  readonly used: number
}

export function examineSegment(segment: Buffer, visitor: Visitor): Examined {
  const used = usedBytes(segment)
  const head = headOf(segment)
  const { header, version, record: first } = head
  const salt = header?.salt ?? (version > formatVersion ? null : findSalt(segment))
  const none = { header: null, salt: null, version, previousCrc: 0, lastCrc: 0, end: 0, used }
  if (salt === null) return none
  const seen = new Set<number>()
  let lastCrc = 0
  let at = 0
  let durable = 0
  if (first !== null) {
    seen.add(first.crc)
    lastCrc = first.crc
    at = first.end
    visitor.record(first, 0, false)
  }
  let gap = false
  for (;;) {
    const next = readRecord(segment, at, salt)
    if (next !== null && at > 0 && (next.previousCrc === lastCrc || gap)) {
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
  return { header, salt, version, previousCrc: first?.previousCrc ?? 0, lastCrc, end: at, used }
}

function headOf(segment: Buffer): {
  readonly header: SegmentHeader | null
  readonly version: number
  readonly record: LogRecord | null
} {
  const record = readRecord(segment, 0, 0)
  if (record === null || record.type !== recordType.segment)
    return { header: null, version: 0, record: null }
  const version = orNull(() => readFormatVersion(record.payload)) ?? 0
  const known = version >= formatVersionMin && version <= formatVersion
  const header = known ? orNull(() => readSegmentHeader(record.payload)) : null
  return { header, version, record: header === null ? null : record }
}

/**
 * Whether a segment whose header is damaged belongs to this owner, by what is still to be read of it:
 * one damaged sector rarely changes both fields, and a good header of another owner is an error long
 * before.
 */
export function resemblesOwner(
  segment: Buffer,
  owner: { readonly clusterId: number; readonly nodeId: number },
): boolean {
  if (segment.length < nodeIdAt + 8) return false
  const at = (offset: number) => Number(segment.readBigUInt64LE(offset))
  return at(clusterIdAt) === owner.clusterId || at(nodeIdAt) === owner.nodeId
}

const clusterIdAt = 32
const nodeIdAt = 40

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
