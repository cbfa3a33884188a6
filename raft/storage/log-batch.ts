// The tasks of one write, as the bytes that they become. Counterpart: the encoder of wal.WAL of etcd.
// A batch stays as it is until it is durable: on a full disk the same bytes are written again.

import { must } from '../../platform/errors.js'
import type { HardState } from '../core/types.js'
import type { PlacedEntries } from './entries-payload.js'
import { writeEntries } from './entries-payload.js'
import type { LogTip } from './log-tip.js'
import { lastMark, marksAfter, marksOfSnapshot } from './log-tip.js'
import type { Operation } from './operation.js'
import { writeDamage, writeFiller, writeHardState, writeMarker } from './payload.js'
import { headerBytes, RecordBuffer, recordType } from './record.js'

/** A write takes no further task beyond this size, nor beyond a part of a segment. */
const writeBytesMax = 8 * 1024 * 1024
const writesPerSegment = 4
/**
 * A new term or vote is written a second time so far behind the end of the first, so that no single bad
 * sector or page, which may lie under parts of both, makes a member forget a promise.
 */
const copyDistanceBytes = 4096
const copiesPerSegment = 16

export class LogBatch {
  readonly buffer = new RecordBuffer()
  operations: readonly Operation[] = []
  private readonly segmentBytes: number
  /** The records of entries of each operation, in order. */
  private placed: (readonly PlacedEntries[])[] = []

  constructor(segmentBytes: number) {
    this.segmentBytes = segmentBytes
  }

  get isEmpty(): boolean {
    return this.operations.length === 0
  }

  /** Takes what fits from the front of the queue; at least one task. */
  fill(queue: Operation[], tip: LogTip): void {
    const bytesMax = Math.min(writeBytesMax, this.segmentBytes / writesPerSegment)
    const { buffer } = this
    let taken = 0
    let { marks, hardState } = tip
    let promised = -1
    buffer.clear()
    this.placed = []
    while (taken < queue.length && buffer.position < bytesMax) {
      const operation = must(queue[taken], 'a task of the queue')
      const { entries, snapshot, compaction, restore, damage, whole } = operation
      taken += 1
      // The hard state first: a torn write must not leave entries of a term that it forgot. And every
      // write has one, so that what is good behind damage always tells the last promise.
      if (operation.hardState !== null || (taken === 1 && changesLog(operation))) {
        const next = operation.hardState ?? hardState
        // Without its marker, a snapshot's commit index would speak of the entries it replaces.
        const commit = snapshot === null ? next.commit : hardState.commit
        writeHardState(buffer, { ...next, commit }, lastMark(marks))
        if (isPromise(hardState, next)) promised = buffer.position
        hardState = next
      }
      if (snapshot !== null) {
        writeMarker(buffer, recordType.snapshot, snapshot)
        marks = marksOfSnapshot(snapshot)
      }
      const placed: PlacedEntries[] = []
      if (entries.length > 0) {
        writeEntries(buffer, entries, placed)
        marks = marksAfter(marks, entries)
      }
      this.placed.push(placed)
      if (compaction !== null) writeMarker(buffer, recordType.compaction, compaction)
      if (restore !== null) writeMarker(buffer, recordType.restore, restore)
      if (damage !== null) writeDamage(buffer, damage)
      if (whole) writeDamage(buffer, null)
    }
    if (promised >= 0) {
      const distance = Math.min(copyDistanceBytes, this.segmentBytes / copiesPerSegment)
      const missing = promised + distance - buffer.position - headerBytes
      if (missing > 0) writeFiller(buffer, missing)
      writeHardState(buffer, hardState, lastMark(marks))
    }
    this.operations = queue.splice(0, taken)
  }

  /** The batch stands in the current segment from `base` on. */
  account(tip: LogTip, base: number): void {
    for (const [at, operation] of this.operations.entries()) {
      const written = (this.placed[at] ?? []).map(({ start, first, last }) => ({
        offset: base + start,
        crc: this.buffer.crcAt(start),
        first,
        last,
      }))
      tip.take(operation, written)
    }
  }

  /** Gives its tasks back; the batch is empty then. */
  release(): readonly Operation[] {
    const { operations } = this
    this.operations = []
    return operations
  }
}

function changesLog(operation: Operation): boolean {
  const { snapshot, entries, compaction, restore, damage, whole } = operation
  const isMarked = snapshot !== null || compaction !== null || restore !== null || damage !== null
  return isMarked || entries.length > 0 || whole
}

/** A term or a vote that must not be forgotten once it was told. */
function isPromise(before: HardState, after: HardState): boolean {
  return after.term !== before.term || after.vote !== before.vote
}
