// Decides how far the log may be cut: behind what the state machine has made durable, keeping a
// tail for slow followers that is limited in entries and in bytes (etcd issue 17098: a tail limited
// in entries alone pins gigabytes). Of a large state more is kept: who lags is then told what it has
// missed, and not the whole state again. Reading the tail back takes a start longer, so that has an end.

import type { RaftState } from './core/config.js'
import type { Entry, LogIndex } from './core/types.js'
import { logIndex } from './core/types.js'

const keptBytesMax = 128 * 1024 * 1024
/** Whatever the number of entries, so much of what a snapshot would take is kept, within that limit. */
const shareKept = 1 / 4
/** Beyond it by so much before it is cut back, for each cut writes a record. */
const slack = 17 / 16
/** About what an entry takes beside its data. */
const entryBytes = 128

export type EarlierEntries = Pick<RaftState, 'snapshot' | 'entriesAfter' | 'entries'>

export class Compactor {
  private readonly entriesKept: number
  /** Cuts are made in steps, for each writes a record. */
  private readonly step: number
  private compacted: number
  /** Of the entries behind `compacted` that are applied, in order, from `first` on. */
  private sizes: number[] = []
  private first = 0
  private keptBytes = 0

  constructor(entriesKept: number, compacted: LogIndex) {
    this.entriesKept = entriesKept
    this.step = Math.max(1, Math.min(1000, Math.floor(entriesKept / 4)))
    this.compacted = compacted
  }

  /** Applied entries, in order, none left out. */
  note(entry: Entry): void {
    this.noteSize(entry.data.length + entryBytes)
  }

  private noteSize(size: number): void {
    this.sizes.push(size)
    this.keptBytes += size
  }

  /**
   * Entries at the start that were applied in an earlier run. Of those that are on disk alone only the
   * average is known.
   */
  noteEarlier(
    { snapshot, entriesAfter, entries }: EarlierEntries,
    applied: LogIndex,
    meanBytes: number,
  ): void {
    const onDisk = (entriesAfter?.index ?? snapshot.index) - snapshot.index
    const size = Math.max(entryBytes, Math.ceil(meanBytes))
    for (let at = 0; at < onDisk; at += 1) this.noteSize(size)
    for (const entry of entries) if (entry.index <= applied) this.note(entry)
  }

  /** The state machine holds a snapshot at `index` now, and the log starts behind it. */
  reset(index: LogIndex): void {
    this.compacted = index
    this.sizes = []
    this.first = 0
    this.keptBytes = 0
  }

  /** Where to cut now, or null. What it answers counts as cut. A snapshot would be that long, about. */
  next(durable: LogIndex, snapshotBytes = 0): LogIndex | null {
    const applied = this.compacted + this.sizes.length - this.first
    const limit = Math.min(durable, applied)
    const target = limit - this.entriesKept
    const bytesMin = Math.min(snapshotBytes * shareKept, keptBytesMax)
    const bytesMax = Math.max(keptBytesMax, bytesMin * slack)
    const few = this.keptBytes <= bytesMin * slack || target - this.compacted < this.step
    if (few && this.keptBytes <= bytesMax) return null
    let cut = this.compacted
    const mayGo = () => (cut < target && this.keptBytes > bytesMin) || this.keptBytes > bytesMax
    while (cut < limit && mayGo()) {
      this.keptBytes -= this.sizes[this.first] ?? 0
      this.first += 1
      cut += 1
    }
    if (cut === this.compacted) return null
    this.compacted = cut
    if (this.first > this.sizes.length / 2) {
      this.sizes = this.sizes.slice(this.first)
      this.first = 0
    }
    return logIndex(cut)
  }
}
