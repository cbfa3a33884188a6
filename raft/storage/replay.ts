// What the records of a log amount to, folded one after another. Pure. Later records override earlier
// ones: a batch of entries cuts the log before its first index, a hard state replaces the last, a
// marker moves the start of the log. Of entries only the newest are kept in memory; of all others it
// knows where they stand, their terms, and which of them changed the membership.

import type { TermRun } from '../core/config.js'
import type { Entry, HardState, LogIndex, SnapshotMeta, Term } from '../core/types.js'
import { logIndex, noNode, term } from '../core/types.js'
import { EntryCursor, readEntries } from './entries-payload.js'
import { EntryIndex } from './entry-index.js'
import type { ConfMark, Damage } from './payload.js'
import { noConfMark, readDamage, readHardState, readMarker } from './payload.js'
import { BadPayload } from './payload-reader.js'
import type { LogRecord } from './record.js'
import { recordType } from './record.js'

export const emptySnapshot: SnapshotMeta = {
  index: logIndex(0),
  term: term(0),
  confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [] },
}

export const emptyHardState: HardState = { term: term(0), vote: noNode, commit: logIndex(0) }

/** What a log held when it was last written. */
export interface LogState {
  readonly hardState: HardState
  /** Where the log starts. Of term 0 at an index above 0 where a repair could not know it. */
  readonly snapshot: SnapshotMeta
  /** Contiguous, up to the last; they begin behind `entriesAfter`, or else behind the snapshot. */
  readonly entries: readonly Entry[]
  /** The entries up to here are on disk alone. Null when none are. */
  readonly entriesAfter: { readonly index: LogIndex; readonly term: Term } | null
  /** Of the entries that are on disk alone, in order. */
  readonly termRuns: readonly TermRun[]
  /** Those of the entries that are on disk alone which change the membership, in order. */
  readonly confChanges: readonly Entry[]
  /** A restore of the state machine was about to be committed, and no marker says that it was. */
  readonly restoring: SnapshotMeta | null
  readonly damaged: Damage | null
}

export interface MemoryLimits {
  /** Older entries than this many bytes are left on disk, */
  readonly cachedBytesMax: number
  /** unless the state machine has not applied them yet. */
  readonly appliedIndex: number
}

/** A record of entries that is still in memory. */
interface Held {
  readonly first: number
  last: number
  readonly bytes: number
  readonly payload: Buffer
}

/** As the protocol core counts them, so that its own limit finds nothing to drop. */
const entryEnvelopeBytes = 48
const recordEntryBytes = 32

export class Replay {
  private readonly limits: MemoryLimits
  readonly index = new EntryIndex()
  private hardState = emptyHardState
  /** Null until something tells it. */
  private mark: ConfMark | null = null
  private snapshot = emptySnapshot
  private restoring: SnapshotMeta | null = null
  private damaged: Damage | null = null
  /** Entries base + 1 to last are in the log. */
  private base = 0
  private last = 0
  /** Entries heldAfter + 1 to last are in memory. base <= heldAfter once the log is not floating */
  private heldAfter = 0
  private held: Held[] = []
  private heldDead = 0
  private heldBytes = 0
  private termRuns: TermRun[] = []
  private confChanges: Entry[] = []
  private sequences: { origin: number; highest: number } = { origin: 0, highest: 0 }
  /**
   * The oldest segment may begin behind a gap: what stood between its first marker and its first
   * entry was removed with older segments, and a marker further on says so. Then base > snapshot.index
   * until that marker comes.
   */
  private floating = true
  private begun = false

  /** Counts the sequences of entries that `origin` proposed. */
  constructor(origin: number, limits: MemoryLimits) {
    this.sequences.origin = origin
    this.limits = limits
  }

  get lastIndex(): number {
    return this.last
  }

  /** Of this node's own entries, overridden ones included; 0 for none. */
  get highestSequence(): number {
    return this.sequences.highest
  }

  /**
   * The oldest segment begins: entries up to `nextIndex` stood before it. Without this the first entry
   * tells where the log begins.
   */
  begin(nextIndex: number): void {
    this.begun = true
    this.become(nextIndex - 1)
  }

  /** Throws BadPayload when the record does not follow from those before it. */
  apply(record: LogRecord, sequence: number, offset: number): void {
    switch (record.type) {
      case recordType.entries:
        this.append(record, sequence, offset)
        return
      case recordType.hardState:
        this.takeHardState(record.payload)
        return
      case recordType.snapshot:
        this.replace(readMarker(record.payload))
        return
      case recordType.compaction:
        this.compact(readMarker(record.payload))
        return
      case recordType.restore:
        this.restoring = readMarker(record.payload)
        return
      case recordType.damage:
        this.damaged = readDamage(record.payload)
        return
      case recordType.filler:
        return
      default:
        throw new BadPayload(`record type ${record.type} has no place here`)
    }
  }

  private takeHardState(payload: Buffer): void {
    const { state, mark } = readHardState(payload)
    this.hardState = state
    if (mark !== null) this.mark = mark
  }

  /** A torn write may have left a hard state that is newer than what is known for certain. */
  adopt(found: HardState): boolean {
    const { term: known, vote } = this.hardState
    const newer =
      found.term > known || (found.term === known && vote === noNode && found.vote !== noNode)
    if (newer) this.hardState = { ...found, commit: this.hardState.commit }
    return newer
  }

  private append(record: LogRecord, sequence: number, offset: number): void {
    const cursor = new EntryCursor(record.payload)
    const { first, last } = cursor
    if (this.floating && (first <= this.base || this.isVague)) {
      this.base = first - 1
      this.last = first - 1
    }
    if (first > this.last + 1) throw new BadPayload(`a gap before entry ${first}`)
    if (first <= this.base) throw new BadPayload(`entry ${first} before the start of the log`)
    this.cut(first)
    const { sequences } = this
    let previousTerm: number = this.termRuns.at(-1)?.term ?? -1
    while (cursor.next()) {
      if (cursor.term !== previousTerm) {
        previousTerm = cursor.term
        this.termRuns.push({ from: logIndex(cursor.index), term: term(cursor.term) })
      }
      if (cursor.kind === 'confChange') {
        this.confChanges.push(cursor.entry())
        this.mark = { index: cursor.index, term: cursor.term }
      }
      if (cursor.origin === sequences.origin && cursor.sequence > sequences.highest)
        sequences.highest = cursor.sequence
    }
    cursor.end()
    this.last = last
    this.index.append({ index: first, sequence, offset, crc: record.crc }, last)
    this.hold({
      first,
      last,
      bytes: record.payload.length + cursor.count * (entryEnvelopeBytes - recordEntryBytes),
      payload: record.payload,
    })
  }

  /** Nothing tells yet where the log begins. */
  private get isVague(): boolean {
    return !this.begun && this.last === this.base
  }

  /** Entries from `first` on are about to be written anew. */
  private cut(first: number): void {
    while ((this.termRuns.at(-1)?.from ?? 0) >= first) this.termRuns.pop()
    while ((this.confChanges.at(-1)?.index ?? 0) >= first) this.confChanges.pop()
    if (this.mark !== null && this.mark.index >= first)
      this.mark = markOf(this.confChanges.at(-1) ?? { index: first - 1, term: 0 })
    for (;;) {
      const newest = this.held.length > this.heldDead ? this.held.at(-1) : undefined
      if (newest === undefined || newest.last < first) break
      if (newest.first < first) {
        newest.last = first - 1
        break
      }
      this.heldBytes -= newest.bytes
      this.held.pop()
    }
    if (this.held.length === this.heldDead) this.heldAfter = first - 1
  }

  private hold(added: Held): void {
    const { cachedBytesMax, appliedIndex } = this.limits
    this.held.push(added)
    this.heldBytes += added.bytes
    while (this.heldBytes > cachedBytesMax) {
      const oldest = this.held[this.heldDead]
      if (oldest === undefined || oldest.last > appliedIndex) break
      this.release(oldest)
    }
  }

  private release(oldest: Held): void {
    this.heldBytes -= oldest.bytes
    this.heldAfter = oldest.last
    this.heldDead += 1
    if (this.heldDead * 2 > this.held.length) {
      this.held = this.held.slice(this.heldDead)
      this.heldDead = 0
    }
  }

  private replace(meta: SnapshotMeta): void {
    this.snapshot = meta
    this.become(meta.index)
    this.index.clear()
    this.termRuns = []
    this.confChanges = []
    this.mark = markOf(meta)
    this.floating = false
    if (this.restoring !== null && this.restoring.index <= meta.index) this.restoring = null
  }

  /** The log is empty and begins behind `index`. */
  private become(index: number): void {
    this.base = index
    this.last = index
    this.heldAfter = index
    this.held = []
    this.heldDead = 0
    this.heldBytes = 0
  }

  private compact(meta: SnapshotMeta): void {
    if (meta.index < this.snapshot.index) throw new BadPayload('the start of the log went back')
    this.snapshot = meta
    this.mark ??= markOf(meta)
    if (this.floating && this.isVague) {
      this.become(meta.index)
      return
    }
    if (meta.index < this.base) {
      if (!this.floating) throw new BadPayload('the start of the log went back')
      return
    }
    if (meta.index > this.last) throw new BadPayload('compacted beyond the last entry')
    this.base = meta.index
    this.floating = false
    this.index.forget(meta.index)
    this.termRuns = termRunsBehind(this.termRuns, meta.index)
    this.confChanges = this.confChanges.filter(({ index }) => index > meta.index)
    for (;;) {
      const oldest = this.held[this.heldDead]
      if (oldest === undefined || oldest.last > meta.index) break
      this.release(oldest)
    }
    this.heldAfter = Math.max(this.heldAfter, meta.index)
  }

  /** As `marksAfter` goes on with them. */
  get confMarks(): readonly ConfMark[] {
    if (this.confChanges.length === 0) return [this.mark ?? noConfMark]
    return [markOf(this.snapshot), ...this.confChanges.map(markOf)]
  }

  /** What is known even where entries are missing. */
  get known(): Pick<LogState, 'snapshot' | 'restoring' | 'confChanges'> & {
    /** Before the first entry. */
    readonly base: number
  } {
    const { snapshot, restoring, confChanges, base } = this
    return { snapshot, restoring, confChanges, base }
  }

  /** Of an entry in the log. */
  termAt(index: number): Term {
    return termAt(this.termRuns, index)
  }

  /** Null when entries between the start of the log and the first one left are missing. */
  finish(): LogState | null {
    if (this.base !== this.snapshot.index) return null
    const { heldAfter, snapshot } = this
    const entries: Entry[] = []
    for (let at = this.heldDead; at < this.held.length; at += 1) {
      const { payload, last } = this.held[at] as Held
      for (const entry of readEntries(payload))
        if (entry.index > heldAfter && entry.index <= last) entries.push(entry)
    }
    return {
      hardState: this.finishedHardState(),
      snapshot,
      entries,
      entriesAfter:
        heldAfter > snapshot.index
          ? { index: logIndex(heldAfter), term: termAt(this.termRuns, heldAfter) }
          : null,
      termRuns: this.termRuns.filter(({ from }) => from <= heldAfter),
      confChanges: this.confChanges.filter(({ index }) => index <= heldAfter),
      restoring: this.restoring,
      damaged: this.damaged,
    }
  }

  private finishedHardState(): HardState {
    const { term: hardTerm, vote, commit } = this.hardState
    // The hard state goes before the entries of its write, so a torn write may leave a commit index
    // without its entries. The commit index is a hint at recovery; the term and vote are not.
    const known = Math.max(this.snapshot.index, Math.min(commit, this.last))
    return { term: hardTerm, vote, commit: logIndex(known) }
  }
}

function markOf({ index, term: markTerm }: { index: number; term: number }): ConfMark {
  return { index, term: markTerm }
}

function termRunsBehind(runs: readonly TermRun[], index: number): TermRun[] {
  const behind = runs.filter(({ from }) => from > index)
  const crossing = runs.findLast(({ from }) => from <= index + 1)
  const first = behind[0]?.from
  if (crossing !== undefined && first !== index + 1)
    behind.unshift({ from: logIndex(index + 1), term: crossing.term })
  return behind
}

function termAt(runs: readonly TermRun[], index: number): Term {
  return runs.findLast(({ from }) => from <= index)?.term ?? term(0)
}
