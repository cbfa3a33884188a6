// Framing of the write-ahead log: how one record stands in a segment. docs/wal.md has the format
// byte by byte. Counterpart: wal/encoder.go of etcd, with two differences: a record names how much
// of its segment was durable when it was written, which tells a torn tail from corruption, and
// checksums are salted per segment, so that no client can plant a record inside a value.

import { assert } from '../../platform/errors.js'
import { crc32c, seedOfCrc32c } from '../../platform/crc32c.js'

export const recordType = {
  segment: 1,
  entries: 2,
  hardState: 3,
  snapshot: 4,
  compaction: 5,
  restore: 6,
  damage: 7,
  filler: 8,
} as const

export const headerBytes = 24
const alignment = 8
/** Reads "RMLG" in a hex dump. */
const magic = 0x474c_4d52
const magicBytes = Buffer.from('RMLG', 'latin1')
/** Above it a length is damage: entries are cut into records long before. */
export const payloadBytesMax = 256 * 1024 * 1024

export interface LogRecord {
  readonly type: number
  /** Bytes of the segment that were durable before this record was written. */
  readonly durable: number
  readonly previousCrc: number
  readonly crc: number
  /** A view on the segment. */
  readonly payload: Buffer
  /** Offset of the next record. */
  readonly end: number
}

/**
 * Bytes that the record at `offset` takes by what its header says, or 0 when that says nothing: there
 * is none, or the header itself is not in the buffer.
 */
export function claimedBytes(segment: Buffer, offset: number): number {
  if (offset + headerBytes > segment.length) return 0
  if (segment.readUInt32LE(offset) !== magic) return 0
  const length = segment.readUInt32LE(offset + 4)
  return length > payloadBytesMax ? 0 : headerBytes + padded(length)
}

const padded = (length: number): number => (length + alignment - 1) & ~(alignment - 1)

/**
 * The record at `offset`, or null when there is none with a good checksum. The chain is not
 * checked here: `previousCrc` is for the caller.
 */
export function readRecord(segment: Buffer, offset: number, salt: number): LogRecord | null {
  if (offset + headerBytes > segment.length) return null
  if (segment.readUInt32LE(offset) !== magic) return null
  const length = segment.readUInt32LE(offset + 4)
  if (length > payloadBytesMax) return null
  const end = offset + headerBytes + padded(length)
  if (end > segment.length) return null
  const crc = segment.readUInt32LE(offset + 20)
  if (checksum(segment, offset, end, salt) !== crc) return null
  return {
    type: segment.readUInt32LE(offset + 8),
    durable: segment.readUInt32LE(offset + 12),
    previousCrc: segment.readUInt32LE(offset + 16),
    crc,
    payload: segment.subarray(offset + headerBytes, offset + headerBytes + length),
    end,
  }
}

/** The next offset behind `from` at which a good record stands, whatever came before it. */
export function findRecord(
  segment: Buffer,
  from: number,
  salt: number,
): { offset: number; record: LogRecord } | null {
  let offset = segment.indexOf(magicBytes, from)
  while (offset !== -1) {
    if (offset % alignment === 0) {
      const record = readRecord(segment, offset, salt)
      if (record !== null) return { offset, record }
    }
    offset = segment.indexOf(magicBytes, offset + 1)
  }
  return null
}

/**
 * The salt of a segment whose header cannot tell it, by two good records that follow one another: the
 * checksum of the first says which salt it was made with, and the second proves it. The longest chain
 * wins, for a client may have put a short one into a value. Null for none.
 */
export function findSalt(segment: Buffer): number | null {
  let offset = segment.indexOf(magicBytes, 1)
  let found: number | null = null
  let longest = 0
  const tried = new Set<number>()
  for (let tries = 0; offset !== -1 && tries < saltTriesMax; tries += 1) {
    const end = offset + claimedBytes(segment, offset)
    if (offset % alignment === 0 && end > offset && end <= segment.length) {
      const crc = segment.readUInt32LE(offset + 20)
      const head = seedOfCrc32c(segment, offset + headerBytes, end, crc)
      const salt = seedOfCrc32c(segment, offset, offset + 20, head)
      const bytes = tried.has(salt) ? 0 : chainEnd(segment, end, crc, salt) - end
      tried.add(salt)
      if (bytes > longest) {
        longest = bytes
        found = salt
      }
    }
    offset = segment.indexOf(magicBytes, offset + 1)
  }
  return found
}

function chainEnd(segment: Buffer, from: number, previousCrc: number, salt: number): number {
  let at = from
  let crc = previousCrc
  for (;;) {
    const record = readRecord(segment, at, salt)
    if (record === null || record.previousCrc !== crc) return at
    crc = record.crc
    at = record.end
  }
}

const saltTriesMax = 64

function checksum(bytes: Buffer, offset: number, end: number, salt: number): number {
  const head = crc32c(bytes, offset, offset + 20, salt)
  return crc32c(bytes, offset + headerBytes, end, head)
}

/**
 * Collects the records of one write. `begin` and `finish` frame a payload that the caller writes
 * into `bytes` at `position`; `seal` puts in what is known only when the write starts. The buffer is
 * used again for the next write, after `clear`.
 */
export class RecordBuffer {
  bytes = Buffer.alloc(64 * 1024)
  /** Where the next byte goes. */
  position = 0
  /** Of the last record, or of the one before the first when there is none; set by `seal`. */
  lastCrc = 0
  private readonly starts: number[] = []

  /** Room for `length` more bytes at `position`. */
  reserve(length: number): void {
    const needed = this.position + length
    if (needed <= this.bytes.length) return
    const larger = Buffer.alloc(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.position)
    this.bytes = larger
  }

  begin(type: number, lengthHint: number): void {
    this.reserve(headerBytes + lengthHint + alignment)
    const at = this.position
    this.starts.push(at)
    this.bytes.writeUInt32LE(magic, at)
    this.bytes.writeUInt32LE(type, at + 8)
    this.position = at + headerBytes
  }

  finish(): void {
    const start = this.starts.at(-1) ?? 0
    const length = this.position - start - headerBytes
    assert(length <= payloadBytesMax, 'a record has a payload within its limit')
    this.bytes.writeUInt32LE(length, start + 4)
    const end = start + headerBytes + padded(length)
    this.reserve(end - this.position)
    this.bytes.fill(0, this.position, end)
    this.position = end
  }

  u32(value: number): void {
    this.bytes.writeUInt32LE(value, this.position)
    this.position += 4
  }

  /** An integer in 0..2^53-1, in eight bytes. */
  u64(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000)
    this.bytes.writeUInt32LE(value - high * 0x1_0000_0000, this.position)
    this.bytes.writeUInt32LE(high, this.position + 4)
    this.position += 8
  }

  zeros(length: number): void {
    this.bytes.fill(0, this.position, this.position + length)
    this.position += length
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
  }

  /**
   * Completes every record. May be called again with other values. The header of a segment, which
   * tells the salt, is sealed without one: `firstSalt` 0.
   */
  seal(durable: number, previousCrc: number, salt: number, firstSalt = salt): void {
    let previous = previousCrc
    for (let at = 0; at < this.starts.length; at += 1) {
      const start = this.starts[at] as number
      const end = this.starts[at + 1] ?? this.position
      this.bytes.writeUInt32LE(durable, start + 12)
      this.bytes.writeUInt32LE(previous, start + 16)
      previous = checksum(this.bytes, start, end, at === 0 ? firstSalt : salt)
      this.bytes.writeUInt32LE(previous, start + 20)
    }
    this.lastCrc = previous
  }

  /** Of the record that begins at `start`, once it is sealed. */
  crcAt(start: number): number {
    return this.bytes.readUInt32LE(start + 20)
  }

  content(): Uint8Array {
    return this.bytes.subarray(0, this.position)
  }

  clear(): void {
    this.position = 0
    this.starts.length = 0
  }
}
