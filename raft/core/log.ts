// The log in memory: from where it was last compacted to its end, and how far each of its readers
// has come. Counterparts: log.go and log_unstable.go of etcd-io/raft, in one array. Entries that
// were compacted are not fetched back from disk: a follower that needs them gets a snapshot.
//
//   start ........ delivered ........ commit ........ last
//     └─ compacted to here   └─ handed out as committed
//   start ........ stable ........... handed ........ last
//                  └─ durable here    └─ given to storage
//
// stable < start only while a snapshot is on its way to disk: then nothing of this log is durable.

import { assert, must } from '../../platform/errors.js'
import {
  type Entry,
  type LogIndex,
  logIndex,
  noNode,
  type SnapshotMeta,
  type Term,
  term,
} from './types.js'

/** What an entry weighs apart from its payload, so that empty ones are not free. */
const envelopeBytes = 48

export function entryBytes(entry: Entry): number {
  return entry.data.length + envelopeBytes
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

const vacant: Entry = {
  term: term(0),
  index: logIndex(0),
  kind: 'noop',
  origin: noNode,
  sequence: 0,
  data: new Uint8Array(0),
}

/** Below this many dead slots the array is left alone. */
const deadSlotsMin = 256

export class RaftLog {
  /** Entry `start + 1 + i` is at `slots[dead + i]`; the first `dead` slots are vacant. */
  private slots: Entry[]
  private dead = 0
  /** Index and term of the last compacted entry. Never decreases. */
  start: LogIndex
  startTerm: Term
  /** start <= commit <= last. Never decreases. */
  commit: LogIndex
  /** start <= delivered <= max(stable, start), and delivered <= commit. Never decreases. */
  delivered: LogIndex
  /** start <= handed <= last. Falls when the log is cut. */
  handed: LogIndex
  /** stable <= handed. Falls when the log is cut. */
  stable: LogIndex
  /** Received, and not yet given to storage. */
  snapshot: SnapshotMeta | null = null

  constructor(start: SnapshotMeta, entries: readonly Entry[], commit: number, delivered: number) {
    this.start = start.index
    this.startTerm = start.term
    this.slots = entries.slice()
    let before: Entry = { ...vacant, index: start.index, term: start.term }
    for (const entry of entries) {
      assert(entry.index === before.index + 1, 'entries follow the snapshot without a gap')
      assert(entry.term >= before.term, 'terms never decrease along the log')
      before = entry
    }
    this.handed = before.index
    this.stable = before.index
    this.commit = logIndex(commit)
    this.delivered = logIndex(delivered)
    this.check()
  }

  get last(): LogIndex {
    return logIndex(this.start + this.slots.length - this.dead)
  }

  get lastTerm(): Term {
    return this.slots.length === this.dead
      ? this.startTerm
      : (this.slots[this.slots.length - 1] as Entry).term
  }

  /** True while a received snapshot is not durable yet. */
  get installing(): boolean {
    return this.stable < this.start
  }

  /** Null when compacted away or not there yet. */
  termAt(index: LogIndex): Term | null {
    if (index === this.start) return this.startTerm
    if (index < this.start || index > this.last) return null
    return this.at(index).term
  }

  /** start < index <= last */
  at(index: LogIndex): Entry {
    return must(this.slots[this.dead + index - this.start - 1], 'the entry must be in the log')
  }

  matches(index: LogIndex, entryTerm: Term): boolean {
    return this.termAt(index) === entryTerm
  }

  /** Section 5.4.1: a later last term wins; in the same term the longer log wins. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.last)
  }

  /**
   * The highest index up to `index` whose term is at most `entryTerm`: the last place where a log
   * that has `entryTerm` at `index` can still agree with this one. `start` when there is none.
   */
  lastIndexWithTermUpTo(index: LogIndex, entryTerm: Term): LogIndex {
    let low: number = this.start
    let high: number = Math.max(this.start, Math.min(index, this.last))
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2)
      if (this.at(logIndex(middle)).term <= entryTerm) low = middle
      else high = middle - 1
    }
    return logIndex(low)
  }

  /** Entries from `from` on, below `bytesMax` together, but at least one if there is any. */
  slice(from: LogIndex, to: LogIndex, bytesMax: number): Entry[] {
    assert(from > this.start && to <= this.last, 'a slice lies within the log')
    const begin = this.dead + from - this.start - 1
    const limit = begin + (to - from) + 1
    let end = begin
    let bytes = 0
    while (end < limit) {
      bytes += entryBytes(this.slots[end] as Entry)
      if (bytes > bytesMax && end > begin) break
      end++
    }
    return this.slots.slice(begin, end)
  }

  append(entry: Entry): void {
    assert(entry.index === this.last + 1, 'entries are appended without a gap')
    assert(entry.term >= this.lastTerm, 'terms never decrease along the log')
    this.slots.push(entry)
  }

  /**
   * Cuts `index` and everything behind it. Who tracks writes under way must cut them as well: see
   * `Storing.cut`.
   */
  truncate(index: LogIndex): void {
    assert(index > this.commit, 'a committed entry is never cut')
    assert(index > this.start && index <= this.last, 'only what is there can be cut')
    this.slots.length = this.dead + index - this.start - 1
    const end = logIndex(index - 1)
    if (this.handed > end) this.handed = end
    if (this.stable > end) this.stable = end
  }

  /** True when it moved. */
  commitTo(index: LogIndex): boolean {
    if (index <= this.commit) return false
    assert(index <= this.last, 'commit never passes the last entry')
    this.commit = index
    return true
  }

  /** Everything that storage was not given yet; it counts as given from here on. */
  takeUnhanded(): readonly Entry[] {
    const begin = this.dead + this.handed - this.start
    if (begin === this.slots.length) return noEntries
    this.handed = this.last
    return this.slots.slice(begin)
  }

  get hasUnhanded(): boolean {
    return this.handed < this.last
  }

  stableTo(index: LogIndex): void {
    assert(index <= this.handed, 'only what was handed to storage can become durable')
    if (index > this.stable) this.stable = index
  }

  get hasDeliverable(): boolean {
    return Math.min(this.commit, this.stable) > this.delivered
  }

  /** Committed and durable entries that were not handed out yet, at most `countMax` of them. */
  takeDeliverable(countMax: number): readonly Entry[] {
    const to = Math.min(this.commit, this.stable, this.delivered + countMax)
    if (to <= this.delivered) return noEntries
    const begin = this.dead + this.delivered - this.start
    const entries = this.slots.slice(begin, begin + to - this.delivered)
    this.delivered = logIndex(to)
    return entries
  }

  /** Forgets everything up to `index`, which must have been applied. */
  compact(index: LogIndex): void {
    assert(index <= this.delivered && index <= this.stable, 'only what was applied is compacted')
    if (index <= this.start) return
    const compactedTerm = this.at(index).term
    const dead = this.dead + index - this.start
    // Vacated at once so that payloads are freed; the array itself moves only when half of it is
    // dead, which costs a constant per entry over time.
    for (let slot = this.dead; slot < dead; slot++) this.slots[slot] = vacant
    this.dead = dead
    this.start = index
    this.startTerm = compactedTerm
    if (this.dead >= deadSlotsMin && this.dead * 2 >= this.slots.length) {
      this.slots = this.slots.slice(this.dead)
      this.dead = 0
    }
  }

  /** Replaces everything by a snapshot that is ahead of the commit index. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.commit, 'a snapshot never takes the commit index back')
    this.slots = []
    this.dead = 0
    this.start = snapshot.index
    this.startTerm = snapshot.term
    this.commit = snapshot.index
    this.delivered = snapshot.index
    this.handed = snapshot.index
    this.stable = logIndex(0)
    this.snapshot = snapshot
  }

  takeSnapshot(): SnapshotMeta | null {
    const snapshot = this.snapshot
    this.snapshot = null
    return snapshot
  }

  check(): void {
    assert(this.start <= this.commit && this.commit <= this.last, 'start <= commit <= last')
    assert(this.start <= this.handed && this.handed <= this.last, 'start <= handed <= last')
    assert(this.stable <= this.handed, 'stable <= handed')
    assert(
      this.start <= this.delivered && this.delivered <= this.commit,
      'start <= delivered <= commit',
    )
    assert(
      this.delivered <= Math.max(this.stable, this.start),
      'only durable entries were handed out',
    )
  }
}

const noEntries: readonly Entry[] = []
