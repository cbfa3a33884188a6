// What the records that were written amount to, followed while writing: every segment starts with it,
// and reads of old entries are found by it. The counterpart at a start is Replay.

import { must } from '../../platform/errors.js'
import type { Entry, HardState, SnapshotMeta } from '../core/types.js'
import type { EntryIndex } from './entry-index.js'
import type { ConfMark, Damage } from './payload.js'
import { noConfMark } from './payload.js'
import type { LogState, Replay } from './replay.js'

export interface Segment {
  readonly sequence: number
  readonly salt: number
  /** Highest index that may be needed from it; 0 when nothing is. */
  maxIndex: number
}

/** Where a record of entries was written, in the current segment. */
export interface WrittenEntries {
  readonly offset: number
  readonly crc: number
  readonly first: number
  readonly last: number
}

/** The records of one operation, as far as they matter here. */
export interface Change {
  readonly hardState: HardState | null
  readonly snapshot: SnapshotMeta | null
  readonly entries: readonly Entry[]
  readonly compaction: SnapshotMeta | null
  readonly restore: SnapshotMeta | null
  /** Of the whole log, as its owner knows it. */
  readonly damage: Damage | null
  /** The damage is repaired. */
  readonly whole: boolean
}

export class LogTip {
  hardState: HardState
  snapshot: SnapshotMeta
  restoring: SnapshotMeta | null
  damaged: Damage | null
  lastIndex: number
  marks: readonly ConfMark[]
  readonly index: EntryIndex
  /** Oldest first; the last is the one written to. */
  readonly segments: Segment[]

  constructor(state: LogState, replay: Replay, segments: Segment[]) {
    this.hardState = state.hardState
    this.snapshot = state.snapshot
    this.restoring = state.restoring
    this.damaged = state.damaged
    this.lastIndex = Math.max(state.snapshot.index, replay.lastIndex)
    this.marks = replay.confMarks
    this.index = replay.index
    this.segments = segments
  }

  get current(): Segment {
    return must(this.segments.at(-1), 'a log has a segment')
  }

  segment(sequence: number): Segment {
    const first = must(this.segments[0], 'a log has a segment').sequence
    return must(this.segments[sequence - first], 'an entry stands in a segment of the log')
  }

  take(change: Change, written: readonly WrittenEntries[]): void {
    const { hardState, snapshot, entries, compaction, restore, damage, whole } = change
    if (hardState !== null) this.hardState = hardState
    if (snapshot !== null) this.replace(snapshot)
    if (entries.length > 0) this.append(entries, written)
    if (compaction !== null) {
      this.snapshot = compaction
      this.index.forget(compaction.index)
    }
    if (restore !== null) this.restoring = restore
    if (damage !== null) this.damaged = damage
    if (whole) this.damaged = null
  }

  private replace(snapshot: SnapshotMeta): void {
    this.snapshot = snapshot
    this.lastIndex = snapshot.index
    this.marks = marksOfSnapshot(snapshot)
    this.index.clear()
    // Everything older is overridden by the marker in the current segment.
    for (const segment of this.segments.slice(0, -1)) segment.maxIndex = 0
    if (this.restoring !== null && this.restoring.index <= snapshot.index) this.restoring = null
  }

  private append(entries: readonly Entry[], written: readonly WrittenEntries[]): void {
    const { current } = this
    const last = must(entries.at(-1), 'a batch has an entry').index
    this.lastIndex = last
    this.marks = marksAfter(this.marks, entries)
    current.maxIndex = Math.max(current.maxIndex, last)
    for (const { first, last: lastOfRecord, offset, crc } of written)
      this.index.append({ index: first, sequence: current.sequence, offset, crc }, lastOfRecord)
  }
}

export function marksOfSnapshot({ index, term }: SnapshotMeta): readonly ConfMark[] {
  return [{ index, term }]
}

/**
 * Of entries that change the membership, in order; the first mark is that of the start of the log. The
 * very same list when nothing changed.
 */
export function marksAfter(
  marks: readonly ConfMark[],
  entries: readonly Entry[],
): readonly ConfMark[] {
  const first = entries[0]?.index ?? 0
  let after = marks
  if (marks.length > 1 && (marks.at(-1)?.index ?? 0) >= first)
    after = marks.filter(({ index }, at) => at === 0 || index < first)
  for (const { kind, index, term } of entries)
    if (kind === 'confChange') after = [...after, { index, term }]
  return after
}

export function lastMark(marks: readonly ConfMark[]): ConfMark {
  return marks.at(-1) ?? noConfMark
}
