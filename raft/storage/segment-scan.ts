// Reading one segment, a piece at a time, and judging what its end is: torn or damaged. Pure. A
// segment of any size passes through in pieces; only what stands behind its last good record is looked
// at as a whole.

import { assert, must } from '../../platform/errors.js'
import type { HardState } from '../core/types.js'
import { LogCorrupt, LogMismatch } from './log-errors.js'
import type { SegmentHeader } from './payload.js'
import {
  formatVersion,
  formatVersionMin,
  readFormatVersion,
  readHardState,
  readSegmentHeader,
} from './payload.js'
import { BadPayload } from './payload-reader.js'
import type { LogRecord } from './record.js'
import { claimedBytes, findRecord, readRecord, recordType } from './record.js'
import type { Replay } from './replay.js'

export interface SegmentScan {
  readonly header: SegmentHeader
  /** Checksum of the record before this segment; the header names it. */
  readonly previousCrc: number
  /** Checksum of the last good record. */
  readonly lastCrc: number
  /** Behind the last good record. */
  readonly end: number
  /** Up to here the good records were on disk for certain; the rest may be in the cache alone. */
  readonly durable: number
  /** Bytes behind `end` up to the last that is not zero. */
  readonly tornBytes: number
  /** A good record behind `end` that was written when a record at `end` was durable already. */
  readonly evidence: number | null
  /** Highest index of an entry in it, overridden ones included; 0 for none. */
  readonly maxIndex: number
  /** Hard states in good records behind `end`, which were never answered for. */
  readonly looseHardStates: readonly HardState[]
}

/**
 * The header of a segment, from its first bytes. Throws LogCorrupt when it is not readable and
 * LogMismatch when its format is newer than this program.
 */
export function readHead(
  file: string,
  bytes: Buffer,
): { header: SegmentHeader; record: LogRecord } {
  const record = readRecord(bytes, 0, 0)
  if (record === null || record.type !== recordType.segment)
    throw new LogCorrupt(file, 0, 'the header of the segment is not readable')
  const version = readable(file, 0, () => readFormatVersion(record.payload))
  if (version < formatVersionMin || version > formatVersion)
    throw new LogMismatch(
      file,
      `its format is version ${version}, this program knows ${formatVersion}`,
    )
  return { header: readable(file, 0, () => readSegmentHeader(record.payload)), record }
}

export function readable<T>(file: string, offset: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadPayload) throw new LogCorrupt(file, offset, error.message)
    throw error
  }
}

/**
 * Feeds the good records of one segment to a replay. Begin with `piece` at 0, go on at `at` with what
 * it asks for until it asks for nothing, then give `finish` all that stands behind `at`.
 */
export class SegmentScanner {
  private readonly file: string
  private readonly sequence: number
  private readonly replay: Replay
  private readonly isOldest: boolean
  private head: { header: SegmentHeader; record: LogRecord } | null = null
  private lastCrc = 0
  private durable = 0
  private maxIndex = 0
  /** Behind the last good record. */
  at = 0

  constructor(file: string, sequence: number, replay: Replay, isOldest: boolean) {
    this.isOldest = isOldest
    this.file = file
    this.sequence = sequence
    this.replay = replay
  }

  /**
   * `bytes` are those of the segment from `at` on. Returns how many a record at the new `at` takes
   * where it does not fit into the piece; 0 when there is no good record at `at`. Throws LogCorrupt for
   * a good record that makes no sense.
   */
  piece(bytes: Buffer): number {
    let offset = 0
    if (this.head === null) {
      this.head = readHead(this.file, bytes)
      if (this.isOldest) this.replay.begin(this.head.header.nextIndex)
      const { record } = this.head
      offset = record.end
      this.at = offset
      this.lastCrc = record.crc
    }
    const { salt } = this.head.header
    const base = this.at - offset
    for (;;) {
      const record = readRecord(bytes, offset, salt)
      if (record === null || record.previousCrc !== this.lastCrc) break
      const position = base + offset
      readable(this.file, position, () => this.replay.apply(record, this.sequence, position))
      if (record.type === recordType.entries)
        this.maxIndex = Math.max(this.maxIndex, this.replay.lastIndex)
      this.lastCrc = record.crc
      this.durable = record.durable
      offset = record.end
      this.at = base + offset
    }
    const left = bytes.length - offset
    const claimed = claimedBytes(bytes, offset)
    if (claimed > left) return claimed
    return claimed === 0 && left < pieceRestMin ? pieceRestMin : 0
  }

  /** `rest` is what stands in the segment from `at` on. Throws LogCorrupt: see `initialBytes`. */
  finish(rest: Buffer): SegmentScan {
    const { header, record } = must(this.head, 'a segment begins with its header')
    if (this.at < header.initialBytes)
      throw new LogCorrupt(
        this.file,
        this.at,
        'a record that was durable from the start is not readable',
      )
    const { evidence, looseHardStates } = behind(this.file, rest, this.at, header.salt)
    return {
      header,
      previousCrc: record.previousCrc,
      lastCrc: this.lastCrc,
      end: this.at,
      durable: Math.max(header.initialBytes, this.durable),
      tornBytes: usedBytes(rest),
      evidence,
      maxIndex: this.maxIndex,
      looseHardStates,
    }
  }
}

/** A piece that ends with fewer bytes than the header of a record tells nothing of the next one. */
const pieceRestMin = 24

function usedBytes(rest: Buffer): number {
  let end = rest.length
  while (end > 0 && rest[end - 1] === 0) end -= 1
  return end
}

/**
 * A write that was torn may leave good records of the same write behind a bad one, for sectors reach
 * the disk in any order. None of those can know of a durable record at `end`; one that does was
 * written later, so the record at `end` was durable once and is damaged now.
 */
function behind(
  file: string,
  rest: Buffer,
  end: number,
  salt: number,
): Pick<SegmentScan, 'evidence' | 'looseHardStates'> {
  const looseHardStates: HardState[] = []
  let evidence: number | null = null
  let found = findRecord(rest, 0, salt)
  while (found !== null) {
    const { offset, record } = found
    assert(record.end > offset, 'a scan goes forward')
    if (record.durable > end) evidence ??= end + offset
    if (record.type === recordType.hardState)
      looseHardStates.push(readable(file, end + offset, () => readHardState(record.payload).state))
    found = findRecord(rest, record.end, salt)
  }
  return { evidence, looseHardStates }
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
