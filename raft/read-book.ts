// Linearizable reads under way: collected during a turn, confirmed together in one round of the
// quorum (ReadIndex, thesis 6.4), answered when this node has applied what the round confirmed.

import type { RaftsmanError } from '../platform/errors.js'
import type { LogIndex, ReadState } from './core/types.js'
import type { ReadIndexDone } from './node-types.js'
import { raftNodeError } from './node-types.js'

const pendingMax = 100_000
/** Rounds under way; reads that come meanwhile share the next. */
const roundsMax = 32

interface Round {
  readonly reads: readonly ReadIndexDone[]
  readonly deadlineMs: number
}

export class ReadBook {
  private readonly timeoutMs: number
  private collecting: ReadIndexDone[] = []
  private readonly rounds = new Map<number, Round>()
  /** Confirmed, and ahead of what is applied here. */
  private waiting: { readonly index: LogIndex; readonly round: Round }[] = []
  private pending = 0

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs
  }

  /** False when there are too many. */
  add(done: ReadIndexDone): boolean {
    if (this.pending >= pendingMax) return false
    this.pending += 1
    this.collecting.push(done)
    return true
  }

  /** Begins a round for what was collected, if one may begin. */
  takeNew(nowMs: number, takeContext: () => number, begin: (context: number) => void): void {
    if (this.collecting.length === 0 || this.rounds.size >= roundsMax) return
    const context = takeContext()
    this.rounds.set(context, { reads: this.collecting, deadlineMs: nowMs + this.timeoutMs })
    this.collecting = []
    begin(context)
  }

  /** Answers of the core. Unknown contexts are of rounds that were given up. */
  confirm(states: readonly ReadState[], applied: LogIndex): void {
    for (const { context, index } of states) {
      const round = this.rounds.get(context)
      if (round === undefined) continue
      this.rounds.delete(context)
      if (index === 0) this.fail(round.reads, raftNodeError('no-leader'))
      else if (index <= applied) this.answer(round.reads, applied)
      else this.waiting.push({ index, round })
    }
  }

  applied(applied: LogIndex): void {
    if (this.waiting.length === 0) return
    const ripe = this.waiting.filter(({ index }) => index <= applied)
    if (ripe.length === 0) return
    this.waiting = this.waiting.filter(({ index }) => index > applied)
    for (const { round } of ripe) this.answer(round.reads, applied)
  }

  expire(nowMs: number): void {
    for (const [context, round] of this.rounds) {
      if (round.deadlineMs > nowMs) break
      this.rounds.delete(context)
      this.fail(round.reads, raftNodeError('timeout'))
    }
    const late = this.waiting.filter(({ round }) => round.deadlineMs <= nowMs)
    if (late.length === 0) return
    this.waiting = this.waiting.filter(({ round }) => round.deadlineMs > nowMs)
    for (const { round } of late) this.fail(round.reads, raftNodeError('timeout'))
  }

  rejectAll(error: RaftsmanError): void {
    const reads = [
      ...[...this.rounds.values()].flatMap(round => round.reads),
      ...this.waiting.flatMap(({ round }) => round.reads),
      ...this.collecting,
    ]
    this.rounds.clear()
    this.waiting = []
    this.collecting = []
    this.fail(reads, error)
  }

  private answer(reads: readonly ReadIndexDone[], applied: LogIndex): void {
    this.pending -= reads.length
    for (const done of reads) done(null, applied)
  }

  private fail(reads: readonly ReadIndexDone[], error: RaftsmanError): void {
    this.pending -= reads.length
    for (const done of reads) done(error)
  }
}
