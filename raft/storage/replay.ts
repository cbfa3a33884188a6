// What the records of a log amount to, folded one after another, and the reading of one segment.
// Pure. Later records override earlier ones: a batch of entries cuts the log before its first index,
// a hard state replaces the last, a marker moves the start of the log.

import { assert, must } from '../../platform/errors.js'
import type { Entry, HardState, SnapshotMeta } from '../core/types.js'
import { logIndex, noNode, term } from '../core/types.js'
import { LogCorrupt, LogMismatch } from './log-errors.js'
import type { SegmentHeader } from './payload.js'
import {
  BadPayload,
  formatVersion,
  readEntries,
  readFormatVersion,
  readHardState,
  readMarker,
  readSegmentHeader,
} from './payload.js'
import type { LogRecord } from './record.js'
import { findRecord, readRecord, recordType } from './record.js'

export const emptySnapshot: SnapshotMeta = {
  index: logIndex(0),
  term: term(0),
  confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [] },
}

export const emptyHardState: HardState = { term: term(0), vote: noNode, commit: logIndex(0) }

/** What a log held when it was last written. */
export interface LogState {
  readonly hardState: HardState
  /** Where the log starts. */
  readonly snapshot: SnapshotMeta
  /** Contiguous from `snapshot.index + 1`. */
  readonly entries: readonly Entry[]
  /** A restore of the state machine was about to be committed, and no marker says that it was. */
  readonly restoring: SnapshotMeta | null
}

export class Replay {
  private hardState = emptyHardState
  private snapshot = emptySnapshot
  private restoring: SnapshotMeta | null = null
  /** entries[i].index === base + 1 + i */
  private entries: Entry[] = []
  private base = 0
  /**
   * The oldest segment may begin behind a gap: what stood between its first marker and its first
   * entry was removed with older segments, and a marker further on says so. Then base > snapshot.index
   * until that marker comes.
   */
  private floating = true

  get lastIndex(): number {
    return this.base + this.entries.length
  }

  /** Throws BadPayload when the record does not follow from those before it. */
  apply(record: LogRecord): void {
    switch (record.type) {
      case recordType.entries:
        this.append(readEntries(record.payload))
        return
      case recordType.hardState:
        this.hardState = readHardState(record.payload)
        return
      case recordType.snapshot:
        this.replace(readMarker(record.payload))
        return
      case recordType.compaction:
        this.compact(readMarker(record.payload))
        return
      case recordType.restore:
        this.restoring = readMarker(record.payload)
        return
      default:
        throw new BadPayload(`record type ${record.type} has no place here`)
    }
  }

  private append(added: readonly Entry[]): void {
    const first = added[0]?.index
    if (first === undefined) throw new BadPayload('a batch without entries')
    if (this.entries.length === 0 && this.floating) this.base = first - 1
    else if (this.floating && first <= this.base) {
      this.base = first - 1
      this.entries = []
    }
    if (first > this.lastIndex + 1) throw new BadPayload(`a gap before entry ${first}`)
    if (first <= this.base) throw new BadPayload(`entry ${first} before the start of the log`)
    this.entries.length = first - this.base - 1
    for (const entry of added) this.entries.push(entry)
  }

  private replace(meta: SnapshotMeta): void {
    this.snapshot = meta
    this.entries = []
    this.base = meta.index
    this.floating = false
    if (this.restoring !== null && this.restoring.index <= meta.index) this.restoring = null
  }

  private compact(meta: SnapshotMeta): void {
    if (meta.index < this.snapshot.index) throw new BadPayload('the start of the log went back')
    this.snapshot = meta
    if (this.entries.length === 0 && this.floating) {
      this.base = meta.index
      return
    }
    if (meta.index < this.base) {
      if (!this.floating) throw new BadPayload('the start of the log went back')
      return
    }
    if (meta.index > this.lastIndex) throw new BadPayload('compacted beyond the last entry')
    this.entries.splice(0, meta.index - this.base)
    this.base = meta.index
    this.floating = false
  }

  /** Null when entries between the start of the log and the first one left are missing. */
  finish(): LogState | null {
    if (this.base !== this.snapshot.index) return null
    const { term: hardTerm, vote, commit } = this.hardState
    // The hard state goes before the entries of its write, so a torn write may leave a commit index
    // without its entries. The commit index is a hint at recovery; the term and vote are not.
    const known = Math.max(this.snapshot.index, Math.min(commit, this.lastIndex))
    return {
      hardState: { term: hardTerm, vote, commit: logIndex(known) },
      snapshot: this.snapshot,
      entries: this.entries,
      restoring: this.restoring,
    }
  }
}

export interface SegmentScan {
  readonly header: SegmentHeader
  /** Checksum of the record before this segment; the header names it. */
  readonly previousCrc: number
  /** Checksum of the last good record. */
  readonly lastCrc: number
  /** Behind the last good record. */
  readonly end: number
  /** Bytes behind `end` up to the last that is not zero. */
  readonly tornBytes: number
  /** A good record behind `end` that was written when a record at `end` was durable already. */
  readonly evidence: number | null
  /** Highest index of an entry in it, overridden ones included; 0 for none. */
  readonly maxIndex: number
}

/**
 * Feeds the good records of a segment to `replay`. Throws LogCorrupt for what cannot be a torn
 * tail: a bad header, a bad record below `initialBytes`, a good record that makes no sense.
 */
export function scanSegment(file: string, segment: Buffer, replay: Replay): SegmentScan {
  const first = readRecord(segment, 0, 0)
  if (first === null || first.type !== recordType.segment)
    throw new LogCorrupt(file, 0, 'the header of the segment is not readable')
  const version = readable(file, 0, () => readFormatVersion(first.payload))
  if (version !== formatVersion)
    throw new LogMismatch(
      file,
      `its format is version ${version}, this program knows ${formatVersion}`,
    )
  const header = readable(file, 0, () => readSegmentHeader(first.payload))
  let at = first.end
  let lastCrc = first.crc
  let maxIndex = 0
  for (;;) {
    const record = readRecord(segment, at, header.salt)
    if (record === null || record.previousCrc !== lastCrc) break
    const good = record
    readable(file, at, () => replay.apply(good))
    if (record.type === recordType.entries) maxIndex = Math.max(maxIndex, replay.lastIndex)
    lastCrc = record.crc
    at = record.end
  }
  if (at < header.initialBytes)
    throw new LogCorrupt(file, at, 'a record that was durable from the start is not readable')
  return {
    header,
    previousCrc: first.previousCrc,
    lastCrc,
    end: at,
    tornBytes: usedBytes(segment, at),
    evidence: evidenceOf(segment, at, header.salt),
    maxIndex,
  }
}

function readable<T>(file: string, offset: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadPayload) throw new LogCorrupt(file, offset, error.message)
    throw error
  }
}

function usedBytes(segment: Buffer, from: number): number {
  let end = segment.length
  while (end > from && segment[end - 1] === 0) end -= 1
  return end - from
}

/**
 * A write that was torn may leave good records of the same write behind a bad one, for sectors reach
 * the disk in any order. None of those can know of a durable record at `end`; one that does was
 * written later, so the record at `end` was durable once and is damaged now.
 */
function evidenceOf(segment: Buffer, end: number, salt: number): number | null {
  let found = findRecord(segment, end, salt)
  while (found !== null) {
    assert(found.record.end > found.offset, 'a scan goes forward')
    if (found.record.durable > end) return found.offset
    found = findRecord(segment, found.record.end, salt)
  }
  return null
}

/** How segments must hang together; the last may have a torn tail. Throws LogCorrupt. */
export function checkScans(scans: readonly { file: string; scan: SegmentScan }[]): void {
  let previous: { file: string; scan: SegmentScan } | null = null
  for (const current of scans) {
    if (previous !== null) {
      const { file, scan } = previous
      if (current.scan.header.sequence !== scan.header.sequence + 1)
        throw new LogCorrupt(current.file, 0, 'the segment before it is missing')
      // A segment gets a successor only when all of it is durable.
      if (current.scan.previousCrc !== scan.lastCrc)
        throw new LogCorrupt(file, scan.end, 'a record is not readable and a segment follows')
    }
    previous = current
  }
  const { file, scan } = must(previous, 'a log that is checked has a segment')
  if (scan.evidence !== null)
    throw new LogCorrupt(
      file,
      scan.end,
      `a record is not readable, and one at byte ${scan.evidence} was written after it was durable`,
    )
}
