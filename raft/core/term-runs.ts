// The terms of a log as runs: a few numbers for each change of leader, however long the log is. So the
// term of every index is known although old entries are on disk alone, and a conflict with another log
// is found without reading one (section 5.3 of the paper). Counterpart: none in etcd-io/raft, whose
// storage keeps all entries in memory.
//
//   from   11       40  57            ascending strictly; the first is the first index of the log
//   term    2        3   7            ascending strictly, up to the term of the last entry

import { assert, must } from '../../platform/errors.js'
import type { TermRun } from './config.js'
import { type LogIndex, logIndex, type Term } from './types.js'

export class TermRuns {
  private runs: TermRun[] = []

  /** The entry at `index`, right behind the last, has `entryTerm`. */
  append(index: LogIndex, entryTerm: Term): void {
    const last = this.runs.at(-1)
    if (last !== undefined && last.term === entryTerm) return
    assert(last === undefined || last.term < entryTerm, 'terms never decrease along the log')
    assert(last === undefined || last.from < index, 'a run has an entry')
    this.runs.push({ from: index, term: entryTerm })
  }

  /** In order. */
  get all(): readonly TermRun[] {
    return this.runs.slice()
  }

  /** Of the last entry; null without entries. */
  get lastTerm(): Term | null {
    return this.runs.at(-1)?.term ?? null
  }

  /** `index` lies within the log. */
  termAt(index: LogIndex): Term {
    const { runs } = this
    const last = runs.at(-1)
    // Nearly every question is about the leader of the day.
    if (last !== undefined && index >= last.from) return last.term
    return must(runs[this.runOf(index)], 'a run for every entry').term
  }

  /** The highest index up to `index` whose term is at most `term`; null when there is none. */
  lastIndexWithTermUpTo(index: LogIndex, term: Term): LogIndex | null {
    for (let at = this.runOf(index); at >= 0; at--) {
      if ((this.runs[at] as TermRun).term > term) continue
      const next = this.runs[at + 1]
      return next === undefined ? index : logIndex(Math.min(index, next.from - 1))
    }
    return null
  }

  /** `index` and everything behind it is gone. */
  truncate(index: LogIndex): void {
    while ((this.runs.at(-1)?.from ?? 0) >= index) this.runs.pop()
  }

  /** Everything up to `index` is gone; `last` is the last index of the log. */
  forget(index: LogIndex, last: LogIndex): void {
    const first = logIndex(index + 1)
    if (first > last) {
      this.runs = []
      return
    }
    const at = this.runOf(first)
    const run = must(this.runs[at], 'a run for every entry')
    if (at > 0) this.runs = this.runs.slice(at)
    if (run.from < first) this.runs[0] = { from: first, term: run.term }
  }

  clear(): void {
    this.runs = []
  }

  /** Position of the run that has `index`; -1 when it lies before all of them. */
  private runOf(index: LogIndex): number {
    let low = -1
    let high = this.runs.length - 1
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2)
      if ((this.runs[middle] as TermRun).from <= index) low = middle
      else high = middle - 1
    }
    return low
  }
}
