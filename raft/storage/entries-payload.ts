// A batch of entries inside a record: written whole, walked without making objects (a start walks
// every entry of the log and keeps few), and read back into entries. docs/wal.md has the bytes.

import { assert, unreachable } from '../../platform/errors.js'
import type { Entry, EntryKind } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { BadPayload, wide } from './payload-reader.js'
import type { RecordBuffer } from './record.js'
import { recordType } from './record.js'

/** Before the entries of a record. */
const batchHeaderBytes = 16
/** Before the data of each entry. */
export const entryHeaderBytes = 32
/** Entries of one write are cut into records of about this size; one entry always fits. */
const entriesRecordBytes = 1024 * 1024

/** Where a record of entries stands in its buffer. */
export interface PlacedEntries {
  readonly start: number
  readonly first: number
  readonly last: number
}

/** One or more records; `entries` are contiguous. */
export function writeEntries(
  out: RecordBuffer,
  entries: readonly Entry[],
  placed: PlacedEntries[] = [],
): void {
  let at = 0
  while (at < entries.length) {
    const from = at
    let bytes = 0
    while (at < entries.length && (at === from || bytes < entriesRecordBytes)) {
      bytes += entryHeaderBytes + (entries[at] as Entry).data.length
      at += 1
    }
    const first = (entries[from] as Entry).index
    placed.push({ start: out.position, first, last: first + at - from - 1 })
    writeEntriesRecord(out, entries, from, at, bytes)
  }
}

function writeEntriesRecord(
  out: RecordBuffer,
  entries: readonly Entry[],
  from: number,
  to: number,
  bytes: number,
): void {
  const firstIndex = (entries[from] as Entry).index
  out.begin(recordType.entries, batchHeaderBytes + bytes)
  out.u64(firstIndex)
  out.u32(to - from)
  out.u32(0)
  for (let at = from; at < to; at += 1) {
    const entry = entries[at] as Entry
    assert(entry.index === firstIndex + at - from, 'entries of one write are contiguous')
    out.u64(entry.term)
    out.u64(entry.origin)
    out.u64(entry.sequence)
    out.u32(entry.data.length)
    out.u32(kindCode(entry.kind))
    out.raw(entry.data)
  }
  out.finish()
}

/**
 * Goes through the entries of one record; its fields are those of the entry that it stands on.
 * Throws BadPayload as it meets what was never written; `end` says that nothing is left over.
 */
export class EntryCursor {
  readonly first: number
  readonly count: number
  index: number
  term = 0
  origin = 0
  sequence = 0
  kind: EntryKind = 'normal'
  dataStart = 0
  dataBytes = 0
  private at = batchHeaderBytes
  private readonly payload: Buffer

  constructor(payload: Buffer) {
    if (payload.length < batchHeaderBytes) throw new BadPayload('payload is too short')
    this.payload = payload
    this.first = wide(payload, 0)
    this.count = payload.readUInt32LE(8)
    this.index = this.first - 1
    if (this.first < 1) throw new BadPayload('an entry without an index')
    if (this.count < 1) throw new BadPayload('a batch without entries')
  }

  get last(): number {
    return this.first + this.count - 1
  }

  /** False behind the last entry. */
  next(): boolean {
    if (this.index === this.last) return false
    const { payload, at } = this
    if (at + entryHeaderBytes > payload.length) throw new BadPayload('payload is too short')
    this.term = wide(payload, at)
    this.origin = wide(payload, at + 8)
    this.sequence = wide(payload, at + 16)
    this.dataBytes = payload.readUInt32LE(at + 24)
    this.kind = kindOf(payload.readUInt32LE(at + 28))
    this.dataStart = at + entryHeaderBytes
    this.at = this.dataStart + this.dataBytes
    if (this.at > payload.length) throw new BadPayload('payload is too short')
    this.index += 1
    return true
  }

  end(): void {
    if (this.at !== this.payload.length) throw new BadPayload('payload is too long')
  }

  /** Its data is a copy, so that a segment is not kept in memory for one of them. */
  entry(): Entry {
    return {
      term: term(this.term),
      index: logIndex(this.index),
      kind: this.kind,
      origin: nodeId(this.origin),
      sequence: this.sequence,
      data: new Uint8Array(this.payload.subarray(this.dataStart, this.dataStart + this.dataBytes)),
    }
  }
}

export function readEntries(payload: Buffer): readonly Entry[] {
  const cursor = new EntryCursor(payload)
  const entries: Entry[] = []
  while (cursor.next()) entries.push(cursor.entry())
  cursor.end()
  return entries
}

function kindCode(kind: EntryKind): number {
  switch (kind) {
    case 'normal':
      return 0
    case 'noop':
      return 1
    case 'confChange':
      return 2
    default:
      return unreachable(kind)
  }
}

function kindOf(code: number): EntryKind {
  if (code === 0) return 'normal'
  if (code === 1) return 'noop'
  if (code === 2) return 'confChange'
  throw new BadPayload(`entry kind ${code}`)
}
