// The log: its terms from where it was last compacted to its end, its newest entries, and how far
// each of its readers has come. Counterparts: log.go and log_unstable.go of etcd-io/raft, in one array.
// Entries that were applied and are durable may be left to the disk alone (catch-up.ts fetches them);
// those that were compacted are gone: a follower that needs them gets a snapshot.
//
//   start .... cachedAfter .... delivered ........ commit ........ last
//     │             └─ in memory from here └─ handed out as committed
//     └─ compacted to here
//   start ..................... stable ........... handed ........ last
//                               └─ durable here    └─ given to storage
//
// stable < start only while a snapshot is on its way to disk: then nothing of this log is durable.

import { assert, must } from '../../platform/errors.js'
import type { RaftState } from './config.js'
import { TermRuns } from './term-runs.js'
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

/** What of a log that was recovered is on disk alone. */
export type OnDiskAlone = Pick<RaftState, 'entriesAfter' | 'termRuns' | 'confChanges'>

export class RaftLog {
  /** Entry `cachedAfter + 1 + i` is at `slots[dead + i]`; the first `dead` slots are vacant. */
  private slots: Entry[] = []
  private dead = 0
  /** Of everything behind `start`. */
  private readonly runs = new TermRuns()
  /** Index and term of the last compacted entry. Never decreases. */
  start: LogIndex
  /** 0 at an index above 0 while it is unknown, see `learnStartTerm`. */
  startTerm: Term
  /** Entries up to here are on disk alone. start <= cachedAfter <= delivered. Never decreases. */
  cachedAfter: LogIndex
  /** Of the entries in memory. */
  cachedBytes = 0
  /** Those behind `start` that change the membership, in order; few, and kept in memory always. */
  confChanges: Entry[] = []
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

  constructor(
    start: SnapshotMeta,
    entries: readonly Entry[],
    commit: number,
    delivered: number,
    onDisk: OnDiskAlone = {},
  ) {
    this.start = start.index
    this.startTerm = start.term
    this.cachedAfter = onDisk.entriesAfter?.index ?? start.index
    this.commit = logIndex(commit)
    this.delivered = logIndex(delivered)
    this.takeRuns(onDisk)
    for (const entry of entries) this.append(entry)
    this.handed = this.last
    this.stable = this.last
    this.check()
  }

  private takeRuns({ entriesAfter, termRuns = [], confChanges = [] }: OnDiskAlone): void {
    const { start, startTerm, cachedAfter } = this
    assert(start <= cachedAfter, 'what is on disk alone follows the snapshot')
    if (cachedAfter === start) return
    for (const { from, term: ofRun } of termRuns) {
      assert(ofRun >= startTerm && from <= cachedAfter, 'terms of what is on disk alone')
      this.runs.append(from, ofRun)
    }
    this.runs.forget(start, cachedAfter)
    assert(this.runs.lastTerm === entriesAfter?.term, 'terms of all that is on disk alone')
    this.confChanges = confChanges.filter(({ index }) => index > start)
    for (const { index } of this.confChanges)
      assert(index <= cachedAfter, 'entries in memory are told once')
  }

  get last(): LogIndex {
    return logIndex(this.cachedAfter + this.slots.length - this.dead)
  }

  get lastTerm(): Term {
    return this.runs.lastTerm ?? this.startTerm
  }

  /** A repaired log may know its start by the applied state alone. */
  get startTermUnknown(): boolean {
    return this.startTerm === 0 && this.start > 0
  }

  /** What was applied is committed, so every leader has this very entry there. */
  learnStartTerm(startTerm: Term): void {
    assert(this.startTermUnknown, 'the term of an entry never changes')
    const first = this.termAt(logIndex(this.start + 1))
    assert(first === null || startTerm <= first, 'terms never decrease along the log')
    this.startTerm = startTerm
  }

  /** True while a received snapshot is not durable yet. */
  get installing(): boolean {
    return this.stable < this.start
  }

  /** Null when compacted away or not there yet. */
  termAt(index: LogIndex): Term | null {
    if (index === this.start) return this.startTerm
    if (index < this.start || index > this.last) return null
    return this.runs.termAt(index)
  }

  /** cachedAfter < index <= last */
  at(index: LogIndex): Entry {
    return must(this.slots[this.dead + index - this.cachedAfter - 1], 'the entry is in memory')
  }

  /** In the log, and not in memory. */
  isOnDiskAlone(index: LogIndex): boolean {
    return index > this.start && index <= this.cachedAfter
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
    const within = logIndex(Math.min(index, this.last))
    if (within <= this.start) return this.start
    return this.runs.lastIndexWithTermUpTo(within, entryTerm) ?? this.start
  }

  /** Entries from `from` on, below `bytesMax` together, but at least one if there is any. */
  slice(from: LogIndex, to: LogIndex, bytesMax: number): Entry[] {
    assert(from > this.cachedAfter && to <= this.last, 'a slice lies within what is in memory')
    const begin = this.dead + from - this.cachedAfter - 1
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
    this.runs.append(entry.index, entry.term)
    this.slots.push(entry)
    this.cachedBytes += entryBytes(entry)
    if (entry.kind === 'confChange') this.confChanges.push(entry)
  }

  /**
   * Cuts `index` and everything behind it. Who tracks writes under way must cut them as well: see
   * `Storing.cut`.
   */
  truncate(index: LogIndex): void {
    assert(index > this.commit, 'a committed entry is never cut')
    assert(index > this.start && index <= this.last, 'only what is there can be cut')
    const kept = this.dead + index - this.cachedAfter - 1
    for (let slot = kept; slot < this.slots.length; slot++)
      this.cachedBytes -= entryBytes(this.slots[slot] as Entry)
    this.slots.length = kept
    this.runs.truncate(index)
    while ((this.confChanges.at(-1)?.index ?? 0) >= index) this.confChanges.pop()
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
    const begin = this.dead + this.handed - this.cachedAfter
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
    const begin = this.dead + this.delivered - this.cachedAfter
    const entries = this.slots.slice(begin, begin + to - this.delivered)
    this.delivered = logIndex(to)
    return entries
  }

  /** Forgets everything up to `index`, which must have been applied. */
  compact(index: LogIndex): void {
    assert(index <= this.delivered && index <= this.stable, 'only what was applied is compacted')
    if (index <= this.start) return
    this.startTerm = this.runs.termAt(index)
    this.start = index
    this.runs.forget(index, this.last)
    if (index > this.cachedAfter) this.uncache(index)
    while ((this.confChanges[0]?.index ?? index + 1) <= index) this.confChanges.shift()
  }

  /** Leaves the oldest entries up to `applied` to the disk while more than `bytesMax` are kept. */
  shrink(applied: LogIndex, bytesMax: number): void {
    if (this.cachedBytes <= bytesMax) return
    const limit = Math.min(applied, this.stable)
    let index: number = this.cachedAfter
    let bytes = this.cachedBytes
    while (index < limit && bytes > bytesMax) bytes -= entryBytes(this.at(logIndex(++index)))
    this.uncache(logIndex(index))
  }

  private uncache(index: LogIndex): void {
    const dead = this.dead + index - this.cachedAfter
    // Vacated at once so that payloads are freed; the array itself moves only when half of it is
    // dead, which costs a constant per entry over time.
    for (let slot = this.dead; slot < dead; slot++) {
      this.cachedBytes -= entryBytes(this.slots[slot] as Entry)
      this.slots[slot] = vacant
    }
    this.dead = dead
    this.cachedAfter = index
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
    this.runs.clear()
    this.cachedBytes = 0
    this.confChanges = []
    this.cachedAfter = snapshot.index
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
    assert(
      this.start <= this.cachedAfter && this.cachedAfter <= this.delivered,
      'start <= cachedAfter <= delivered',
    )
    assert(this.cachedBytes >= 0, 'cached bytes never go below zero')
    assert((this.runs.lastTerm === null) === (this.last === this.start), 'every entry has its term')
    assert((this.confChanges[0]?.index ?? this.last) >= this.start, 'changes are in the log')
    assert((this.confChanges.at(-1)?.index ?? 0) <= this.last, 'changes are in the log')
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
