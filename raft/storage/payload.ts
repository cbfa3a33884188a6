// What stands inside the records of the log. Integers are little endian; those of eight bytes stay
// below 2^53. Readers check every length and value: a payload has a good checksum when it comes
// here, so what does not fit is a defect of the writer and reported as such, never guessed at.

import { assert, unreachable } from '../../platform/errors.js'
import type { ConfState, Entry, EntryKind, HardState, NodeId, SnapshotMeta } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import type { RecordBuffer } from './record.js'
import { recordType } from './record.js'

export const formatVersion = 1
/** Before the data of each entry. */
const entryHeaderBytes = 32
/** Entries of one write are cut into records of about this size; one entry always fits. */
const entriesRecordBytes = 1024 * 1024

/** A payload that its writer cannot have meant. */
export class BadPayload extends Error {}

export interface SegmentHeader {
  readonly clusterId: number
  readonly nodeId: NodeId
  /** 1, 2, 3, … without gaps. */
  readonly sequence: number
  /** The index that the next entry had when the segment was begun. */
  readonly nextIndex: number
  /** Bytes of the segment that were durable before it got its name. */
  readonly initialBytes: number
  readonly salt: number
}

const segmentHeaderBytes = 48

export function writeSegmentHeader(out: RecordBuffer, header: SegmentHeader): void {
  out.begin(recordType.segment, segmentHeaderBytes)
  out.u32(formatVersion)
  out.u32(header.salt)
  out.u64(header.clusterId)
  out.u64(header.nodeId)
  out.u64(header.sequence)
  out.u64(header.nextIndex)
  out.u64(header.initialBytes)
  out.finish()
}

/** The version stands first in every version of the format. */
export function readFormatVersion(payload: Buffer): number {
  return new PayloadReader(payload).u32()
}

export function readSegmentHeader(payload: Buffer): SegmentHeader {
  const reader = new PayloadReader(payload)
  assert(reader.u32() === formatVersion, 'the version is checked before the rest is read')
  const salt = reader.u32()
  const header = {
    clusterId: reader.u64(),
    nodeId: nodeId(reader.u64()),
    sequence: reader.u64(),
    nextIndex: reader.u64(),
    initialBytes: reader.u64(),
    salt,
  }
  reader.end()
  return header
}

export function writeHardState(out: RecordBuffer, state: HardState): void {
  out.begin(recordType.hardState, 24)
  out.u64(state.term)
  out.u64(state.vote)
  out.u64(state.commit)
  out.finish()
}

export function readHardState(payload: Buffer): HardState {
  const reader = new PayloadReader(payload)
  const state = {
    term: term(reader.u64()),
    vote: nodeId(reader.u64()),
    commit: logIndex(reader.u64()),
  }
  reader.end()
  return state
}

export type MarkerType =
  | typeof recordType.snapshot
  | typeof recordType.compaction
  | typeof recordType.restore

export function writeMarker(out: RecordBuffer, type: MarkerType, meta: SnapshotMeta): void {
  const { voters, votersOutgoing, learners, learnersNext } = meta.confState
  const groups = [voters, votersOutgoing, learners, learnersNext]
  let members = 0
  for (const group of groups) members += group.length
  out.begin(type, 16 + groups.length * 4 + members * 8)
  out.u64(meta.index)
  out.u64(meta.term)
  for (const group of groups) {
    out.u32(group.length)
    for (const id of group) out.u64(id)
  }
  out.finish()
}

export function readMarker(payload: Buffer): SnapshotMeta {
  const reader = new PayloadReader(payload)
  const index = logIndex(reader.u64())
  const metaTerm = term(reader.u64())
  const group = (): NodeId[] => {
    const count = reader.u32()
    const ids: NodeId[] = []
    for (let at = 0; at < count; at += 1) ids.push(nodeId(reader.u64()))
    return ids
  }
  const confState: ConfState = {
    voters: group(),
    votersOutgoing: group(),
    learners: group(),
    learnersNext: group(),
  }
  reader.end()
  return { index, term: metaTerm, confState }
}

/** One or more records; `entries` are contiguous. */
export function writeEntries(out: RecordBuffer, entries: readonly Entry[]): void {
  let at = 0
  while (at < entries.length) {
    const first = at
    let bytes = 0
    while (at < entries.length && (at === first || bytes < entriesRecordBytes)) {
      bytes += entryHeaderBytes + (entries[at] as Entry).data.length
      at += 1
    }
    writeEntriesRecord(out, entries, first, at, bytes)
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
  out.begin(recordType.entries, 16 + bytes)
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

/** The data of every entry is a copy, so that a segment is not kept in memory for one of them. */
export function readEntries(payload: Buffer): readonly Entry[] {
  const reader = new PayloadReader(payload)
  const firstIndex = reader.u64()
  const count = reader.u32()
  reader.u32()
  const entries: Entry[] = []
  for (let at = 0; at < count; at += 1) {
    const entryTerm = term(reader.u64())
    const origin = nodeId(reader.u64())
    const sequence = reader.u64()
    const length = reader.u32()
    const kind = kindOf(reader.u32())
    const data = reader.copy(length)
    entries.push({
      term: entryTerm,
      index: logIndex(firstIndex + at),
      kind,
      origin,
      sequence,
      data,
    })
  }
  reader.end()
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

class PayloadReader {
  private at = 0
  private readonly payload: Buffer

  constructor(payload: Buffer) {
    this.payload = payload
  }

  private take(length: number): number {
    const start = this.at
    if (length > this.payload.length - start) throw new BadPayload('payload is too short')
    this.at = start + length
    return start
  }

  u32(): number {
    return this.payload.readUInt32LE(this.take(4))
  }

  u64(): number {
    const start = this.take(8)
    const high = this.payload.readUInt32LE(start + 4)
    if (high > 0x1f_ffff) throw new BadPayload('integer above 2^53-1')
    return high * 0x1_0000_0000 + this.payload.readUInt32LE(start)
  }

  copy(length: number): Uint8Array {
    const start = this.take(length)
    return new Uint8Array(this.payload.subarray(start, start + length))
  }

  end(): void {
    if (this.at !== this.payload.length) throw new BadPayload('payload is too long')
  }
}
