// What can be saved of a damaged log: which of its good records make one contiguous log that begins at
// or before what the state machine has applied, and what may be missing from it. Pure. Good records
// between two damaged ranges form a chain; a chain is never simply joined to the one before it, for
// what was lost between may have replaced entries of the older one:
//
//   1 2 3 4 5 6 (term 1)  ##lost: 4 5 (term 2)##  6 7 8 (term 2)      1 2 3 4' 5' 6 7 8 never existed
//
//   chain reaches the end of the log and holds `applied` ─> nothing acknowledged is missing: whole
//   older chain has committed `applied`                  ─> kept; the rest comes from the peers
//   neither, but `applied` is known                      ─> the log is empty and begins there
//
// Leaves out guessing: where term, vote or membership are not certain, the log is beyond repair.

import { applyConfChange, decodeConfChange } from '../core/conf-change.js'
import type { ConfState, HardState, SnapshotMeta } from '../core/types.js'
import { logIndex, term } from '../core/types.js'
import { entryHeaderBytes, EntryCursor } from './entries-payload.js'
import type { ConfMark, Damage, SegmentHeader } from './payload.js'
import { readDamage, readHardState, readMarker } from './payload.js'
import type { LogRecord } from './record.js'
import { recordType } from './record.js'
import { Replay } from './replay.js'

/** Good records that belong together, as far as they are to be trusted. */
export class Chain {
  readonly replay: Replay
  /** Entries up to here were never replaced. */
  certain = 0
  /**
   * The oldest that a hard state told: up to where the chain begins, nothing behind it changed the
   * membership.
   */
  oldestMark: ConfMark | null = null
  /** A marker said where the log begins, and which members there were. */
  private marked = false
  private placed = false

  constructor(origin: number) {
    this.replay = new Replay(origin, { cachedBytesMax: 0, appliedIndex: Number.MAX_SAFE_INTEGER })
  }

  /** It begins with a segment. */
  begin(nextIndex: number): void {
    this.placed = true
    this.replay.begin(nextIndex)
  }

  take(record: LogRecord, sequence: number, offset: number): void {
    this.replay.apply(record, sequence, offset)
    if (record.type === recordType.snapshot || record.type === recordType.entries)
      this.placed = true
    if (record.type === recordType.snapshot || record.type === recordType.compaction)
      this.marked = true
    if (record.type !== recordType.hardState) return
    const { state, mark } = readHardState(record.payload)
    if (mark !== null && mark.index <= (this.oldestMark?.index ?? mark.index))
      this.oldestMark = mark
    // A commit index never speaks of entries that were written together with it.
    this.certain = Math.max(this.certain, Math.min(state.commit, this.replay.lastIndex))
  }

  /** Where its entries begin, once anything tells. */
  get first(): number | null {
    return this.placed ? this.replay.known.base + 1 : null
  }

  /** Null when what is between the start of the log and the first entry is missing. */
  get start(): SnapshotMeta | null {
    if (!this.marked || !this.placed) return null
    return this.replay.finish()?.snapshot ?? null
  }

  /** The newest marker in it, entries behind it or not. */
  get marker(): SnapshotMeta | null {
    return this.marked ? this.replay.known.snapshot : null
  }
}

export interface SalvagePlan {
  readonly hardState: HardState
  /** Where the log begins; of term 0 where that is not known. */
  readonly snapshot: SnapshotMeta
  readonly restoring: SnapshotMeta | null
  /** Null: nothing that was acknowledged is missing. */
  readonly damage: Damage | null
  /** Entries behind `snapshot` up to `last` are those of this chain; null when there are none. */
  readonly chain: Chain | null
  readonly last: number
}

interface Pending {
  readonly record: LogRecord
  readonly sequence: number
  readonly offset: number
}

/** Collects the chains of all segments, oldest first; then makes the plan. */
export class Salvage {
  private readonly origin: number
  private readonly chains: Chain[] = []
  /** Of the chain that begins behind the last gap, until an entry tells where it belongs. */
  private pending: Pending[] | null = []
  /** Set when the pending records begin with a segment. */
  private beginning: number | null = null
  private lostBytes = 0
  /** Highest index that anything speaks of. */
  private highest = 0
  private hardState: HardState | null = null
  /** Damage of before that was not repaired yet. */
  private before: Damage | null = null

  constructor(origin: number) {
    this.origin = origin
  }

  /** Records are missing, about so many bytes of them. */
  gap(bytes: number): void {
    this.settle(null)
    this.pending = []
    this.beginning = null
    this.lostBytes += bytes
    // What was promised in it is not known, until a later hard state says so.
    this.hardState = null
  }

  segment({ nextIndex }: SegmentHeader): void {
    this.speaksOf(nextIndex - 1)
    if (this.pending !== null && this.pending.length === 0) this.beginning = nextIndex
  }

  record(record: LogRecord, sequence: number, offset: number): void {
    this.note(record)
    if (this.pending === null) this.current.take(record, sequence, offset)
    else {
      this.pending.push({ record, sequence, offset })
      if (record.type === recordType.snapshot) this.settle(0)
      else if (record.type === recordType.entries)
        this.settle(new EntryCursor(record.payload).first)
    }
  }

  /** Promises in records of a write that was torn: nobody may have been told, but they are kept. */
  promise(found: HardState): void {
    const { hardState } = this
    if (hardState === null) return
    const voted = found.term === hardState.term && hardState.vote === 0 && found.vote !== 0
    if (found.term > hardState.term || voted)
      this.hardState = { ...found, commit: hardState.commit }
  }

  private get current(): Chain {
    const chain = this.chains.at(-1)
    if (chain === undefined) throw new Error('a chain is begun before records are added to it')
    return chain
  }

  private note(record: LogRecord): void {
    if (record.type === recordType.entries) this.speaksOf(new EntryCursor(record.payload).last)
    else if (record.type === recordType.hardState) {
      const { state } = readHardState(record.payload)
      this.hardState = state
      this.highest = Math.max(this.highest, state.commit)
    } else if (record.type === recordType.damage) this.before = readDamage(record.payload)
    else if (
      record.type === recordType.snapshot ||
      record.type === recordType.compaction ||
      record.type === recordType.restore
    )
      this.highest = Math.max(this.highest, readMarker(record.payload).index)
  }

  /** What was lost before it ended below `index`, or was replaced. */
  private speaksOf(index: number): void {
    this.highest = Math.max(this.highest, index)
    this.lostBytes = 0
  }

  /**
   * Decides where the pending records belong: `first` is the index of their first entry, 0 when they
   * replace the log, null when they tell nothing of entries.
   */
  private settle(first: number | null): void {
    const { pending } = this
    if (pending === null || pending.length === 0) return
    const previous = this.chains.at(-1)
    const moved = pending.some(
      ({ record }) =>
        record.type === recordType.compaction &&
        readMarker(record.payload).index > (previous?.certain ?? 0),
    )
    const joins =
      previous !== undefined &&
      first !== null &&
      (first === 0 || (first - 1 <= previous.certain && !moved))
    const chain = joins ? previous : new Chain(this.origin)
    if (joins) chain.replay.index.interrupt()
    else {
      this.chains.push(chain)
      if (this.beginning !== null) chain.begin(this.beginning)
    }
    for (const { record, sequence, offset } of pending) chain.take(record, sequence, offset)
    this.pending = null
  }

  /** The plan, or a sentence that says why there is none. */
  plan(applied: number, reason: string): SalvagePlan | string {
    this.settle(null)
    const { hardState, chains } = this
    const newest = chains.at(-1)
    if (newest === undefined) return 'nothing in it is readable'
    if (hardState === null)
      return 'the last term and vote are among what was lost, so that it could vote twice'
    const { restoring } = newest.replay.known
    if (restoring !== null && restoring.index === applied) {
      const nothing = { restoring: null, chain: null, last: applied }
      return { hardState, snapshot: restoring, damage: this.before, ...nothing }
    }
    for (let at = chains.length - 1; at >= 0; at -= 1) {
      const plan = this.planWith(at, hardState, applied, reason)
      if (plan === null) continue
      // The marker that named them stood where the damage is.
      if (plan.snapshot.confState.voters.length === 0)
        return 'the first members are among what was lost'
      return plan
    }
    return this.emptyPlan(hardState, applied, reason)
  }

  private planWith(
    at: number,
    hardState: HardState,
    applied: number,
    reason: string,
  ): SalvagePlan | null {
    const chain = this.chains[at]
    if (chain === undefined) return null
    const isNewest = at === this.chains.length - 1
    const last = chain.replay.lastIndex
    const start = chain.start ?? this.startOf(at, applied)
    const through = isNewest ? last : Math.min(last, chain.certain)
    if (start === null || start.index > applied || applied > through) return null
    const whole = isNewest && (start.term > 0 || start.index === 0)
    const damage = whole ? this.before : this.damage(applied, last, start.term, reason)
    const { restoring } = chain.replay.known
    return {
      hardState,
      snapshot: start,
      restoring: isNewest ? restoring : null,
      damage,
      chain,
      last,
    }
  }

  /** Where a chain can begin whose own beginning is lost; null when its membership is not certain. */
  private startOf(at: number, applied: number): SnapshotMeta | null {
    const chain = this.chains[at]
    if (chain === undefined || chain.first === null || chain.first - 1 > applied) return null
    const before = chain.first - 1
    const confState = this.membership(at, before, chain.oldestMark)
    if (confState === null) return null
    // Its first entry tells its term; of the entry before it nobody does.
    if (chain.first > applied) return { index: logIndex(before), term: term(0), confState }
    const change = chain.replay.known.confChanges.find(({ index }) => index === chain.first)
    return {
      index: logIndex(chain.first),
      term: chain.replay.termAt(chain.first),
      confState:
        change === undefined
          ? confState
          : applyConfChange(confState, decodeConfChange(change.data)),
    }
  }

  /**
   * Membership as of entry `index`, by what is known of an earlier one and a mark that was written
   * later: the mark says which entry last changed the membership, so that entry must be known.
   */
  private membership(at: number, index: number, mark: ConfMark | null): ConfState | null {
    if (mark === null || mark.index > index) return null
    const own = this.chains[at]?.marker ?? null
    if (own !== null && mark.index <= own.index) return own.confState
    for (let older = at - 1; older >= 0; older -= 1) {
      const chain = this.chains[older]
      const start = chain?.start ?? null
      if (chain === undefined || start === null) continue
      if (mark.index <= start.index) return start.confState
      if (mark.index > chain.replay.lastIndex) continue
      if (chain.replay.termAt(mark.index) !== mark.term) continue
      let { confState } = start
      for (const change of chain.replay.known.confChanges)
        if (change.index <= mark.index)
          confState = applyConfChange(confState, decodeConfChange(change.data))
      return confState
    }
    return null
  }

  /** The log begins at what is applied, and is empty. */
  private emptyPlan(hardState: HardState, applied: number, reason: string): SalvagePlan | string {
    if (applied > this.bound)
      return `the state has applied entry ${applied}, which the log cannot have held`
    const at = this.chains.length - 1
    const newest = this.chains[at]
    const isBefore = newest !== undefined && (newest.first ?? applied + 1) > applied
    const confState = isBefore ? this.membership(at, applied, newest.oldestMark) : null
    if (confState === null) return 'the membership may have changed in what was lost'
    const snapshot = { index: logIndex(applied), term: term(0), confState }
    return {
      hardState,
      snapshot,
      restoring: null,
      damage: this.damage(applied, applied, term(0), reason),
      chain: null,
      last: applied,
    }
  }

  /** No entry behind it can have been in the log. */
  private get bound(): number {
    return this.highest + Math.floor(this.lostBytes / entryHeaderBytes)
  }

  private damage(applied: number, last: number, startTerm: number, reason: string): Damage {
    // Who does not know the term of its own last entry takes no part before a leader named it.
    const unknown = startTerm === 0 ? Math.max(applied, last) + 1 : 0
    const floor = Math.max(this.bound, this.before?.floor ?? 0, unknown, applied, 1)
    return { floor: logIndex(floor), reason }
  }
}
