// What stands inside the records of the log, entries apart (entries-payload.ts). Integers are little
// endian; those of eight bytes stay below 2^53. docs/wal.md has the bytes; what version 1 of the
// format did not have yet is optional here.

import { assert } from '../../platform/errors.js'
import type {
  ConfState,
  HardState,
  LogIndex,
  MemberAddress,
  NodeId,
  SnapshotMeta,
} from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { PayloadReader } from './payload-reader.js'
import type { RecordBuffer } from './record.js'
import { recordType } from './record.js'

export const formatVersion = 2
export const formatVersionMin = 1

export interface SegmentHeader {
  readonly version: number
  readonly clusterId: number
  readonly nodeId: NodeId
  /** 1, 2, 3, … without gaps. */
  readonly sequence: number
  /** The index that the next entry had when the segment was begun. */
  readonly nextIndex: number
  /** Bytes of the segment that were durable before it got its name. */
  readonly initialBytes: number
  readonly salt: number
  /** It was made by a repair: it holds all that is left of the segments before it. */
  readonly beginsAnew: boolean
}

const segmentHeaderBytes = 56
const beginsAnewFlag = 1

export function writeSegmentHeader(
  out: RecordBuffer,
  header: Omit<SegmentHeader, 'version'>,
): void {
  out.begin(recordType.segment, segmentHeaderBytes)
  out.u32(formatVersion)
  out.u32(header.salt)
  out.u64(header.clusterId)
  out.u64(header.nodeId)
  out.u64(header.sequence)
  out.u64(header.nextIndex)
  out.u64(header.initialBytes)
  out.u32(header.beginsAnew ? beginsAnewFlag : 0)
  out.u32(0)
  out.finish()
}

/** The version stands first in every version of the format. */
export function readFormatVersion(payload: Buffer): number {
  return new PayloadReader(payload).u32()
}

export function readSegmentHeader(payload: Buffer): SegmentHeader {
  const reader = new PayloadReader(payload)
  const version = reader.u32()
  assert(
    version >= formatVersionMin && version <= formatVersion,
    'the version is checked before the rest is read',
  )
  const salt = reader.u32()
  const header = {
    version,
    clusterId: reader.u64(),
    nodeId: nodeId(reader.u64()),
    sequence: reader.u64(),
    nextIndex: reader.u64(),
    initialBytes: reader.u64(),
    salt,
    beginsAnew: version >= 2 && (reader.u32() & beginsAnewFlag) !== 0,
  }
  if (version >= 2) reader.u32()
  reader.end()
  return header
}

/**
 * The last entry that changed the membership, of those in the log when this was written. It tells a
 * repair whether such an entry can have been among what was lost.
 */
export interface ConfMark {
  readonly index: number
  readonly term: number
}

export const noConfMark: ConfMark = { index: 0, term: 0 }

export function writeHardState(out: RecordBuffer, state: HardState, mark: ConfMark): void {
  out.begin(recordType.hardState, 40)
  out.u64(state.term)
  out.u64(state.vote)
  out.u64(state.commit)
  out.u64(mark.index)
  out.u64(mark.term)
  out.finish()
}

/** `mark` is null in version 1. */
export function readHardState(payload: Buffer): { state: HardState; mark: ConfMark | null } {
  const reader = new PayloadReader(payload)
  const state = {
    term: term(reader.u64()),
    vote: nodeId(reader.u64()),
    commit: logIndex(reader.u64()),
  }
  const mark = reader.left > 0 ? { index: reader.u64(), term: reader.u64() } : null
  reader.end()
  return { state, mark }
}

export type MarkerType =
  | typeof recordType.snapshot
  | typeof recordType.compaction
  | typeof recordType.restore

export function writeMarker(out: RecordBuffer, type: MarkerType, meta: SnapshotMeta): void {
  const { voters, votersOutgoing, learners, learnersNext, addresses = [] } = meta.confState
  const groups = [voters, votersOutgoing, learners, learnersNext]
  const encoder = new TextEncoder()
  const texts = addresses.map(({ name, address }) => [
    encoder.encode(name),
    encoder.encode(address),
  ])
  let bytes = 16 + groups.length * 4
  for (const group of groups) bytes += group.length * 8
  if (texts.length > 0) bytes += 4
  for (const pair of texts) bytes += 16 + (pair[0]?.length ?? 0) + (pair[1]?.length ?? 0)
  out.begin(type, bytes)
  out.u64(meta.index)
  out.u64(meta.term)
  for (const group of groups) {
    out.u32(group.length)
    for (const id of group) out.u64(id)
  }
  if (addresses.length > 0) out.u32(addresses.length)
  for (const [at, { node, promote }] of addresses.entries()) {
    const pair = texts[at] ?? []
    out.u64(node)
    out.u32(pair[0]?.length ?? 0)
    out.u32(((pair[1]?.length ?? 0) | (promote === true ? promoteFlag : 0)) >>> 0)
    for (const text of pair) out.raw(text)
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
  const groups = {
    voters: group(),
    votersOutgoing: group(),
    learners: group(),
    learnersNext: group(),
  }
  const addresses = reader.left === 0 ? [] : readAddresses(reader)
  reader.end()
  const confState: ConfState = addresses.length === 0 ? groups : { ...groups, addresses }
  return { index, term: metaTerm, confState }
}

/** Beside the length of an address: the learner is to become a voter by itself. */
const promoteFlag = 0x8000_0000

function readAddresses(reader: PayloadReader): MemberAddress[] {
  const count = reader.u32()
  const addresses: MemberAddress[] = []
  for (let at = 0; at < count; at += 1) {
    const node = nodeId(reader.u64())
    const nameBytes = reader.u32()
    const lengthAndFlag = reader.u32()
    const addressBytes = lengthAndFlag & ~promoteFlag
    const told = { node, name: reader.text(nameBytes), address: reader.text(addressBytes) }
    addresses.push(lengthAndFlag === addressBytes ? told : { ...told, promote: true })
  }
  return addresses
}

/** Entries that this member may have acknowledged are lost, all of them at or below `floor`. */
export interface Damage {
  readonly floor: LogIndex
  /** For people. */
  readonly reason: string
}

const reasonBytesMax = 1024

/** Null: it is whole again. */
export function writeDamage(out: RecordBuffer, damage: Damage | null): void {
  const reason = new TextEncoder().encode(damage?.reason ?? '').subarray(0, reasonBytesMax)
  out.begin(recordType.damage, 16 + reason.length)
  out.u64(damage?.floor ?? 0)
  out.u32(reason.length)
  out.u32(0)
  out.raw(reason)
  out.finish()
}

export function readDamage(payload: Buffer): Damage | null {
  const reader = new PayloadReader(payload)
  const floor = reader.u64()
  const length = reader.u32()
  reader.u32()
  const reason = reader.text(length)
  reader.end()
  return floor === 0 ? null : { floor: logIndex(floor), reason }
}

/** Nothing but room between two records. */
export function writeFiller(out: RecordBuffer, bytes: number): void {
  out.begin(recordType.filler, bytes)
  out.zeros(bytes)
  out.finish()
}
