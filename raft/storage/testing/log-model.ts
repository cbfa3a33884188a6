// The dumb model of the log: what it holds, as plain arrays, and every state it went through.

import * as fc from 'fast-check'
import { applyConfChange, decodeConfChange, encodeConfChange } from '../../core/conf-change.js'
import type { ConfState, Entry } from '../../core/types.js'
import { logIndex, nodeId, term } from '../../core/types.js'
import type { RaftLog } from '../log.js'
import type { LogState } from '../replay.js'
import { confState, entry, hard, meta, write } from './log-bench.js'

export type Step =
  | {
      readonly kind: 'append'
      readonly count: number
      readonly back: number
      readonly bytes: number
    }
  | { readonly kind: 'commit' }
  | { readonly kind: 'compact' }
  | { readonly kind: 'snapshot'; readonly ahead: number }

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 4 }),
        back: fc.integer({ min: 0, max: 3 }),
        bytes: fc.constantFrom(0, 7, 100, 600),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'commit' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('snapshot' as const),
        ahead: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { minLength: 1, maxLength: 25 },
)

/** The dumb model: what a log holds, as plain arrays, and every state it went through. */
export class Model {
  state: LogState = {
    hardState: { term: term(0), vote: nodeId(0), commit: logIndex(0) },
    snapshot: { ...meta(0, 0), confState: { ...confState, voters: [] } },
    entries: [],
    entriesAfter: null,
    termRuns: [],
    confChanges: [],
    restoring: null,
    damaged: null,
  }
  readonly history: string[] = [fingerprint(this.state)]
  /** What stands or stood last at every index, compacted ones included. */
  readonly latest = new Map<number, Entry>()
  /** The membership as of every entry that was committed. */
  readonly members = new Map<number, ConfState>()
  private currentTerm = 1

  get last(): number {
    return this.state.snapshot.index + this.state.entries.length
  }

  private become(change: Partial<LogState>): void {
    this.state = { ...this.state, ...change }
    this.history.push(fingerprint(this.state))
  }

  /** Carries out a step on both; `acknowledged` gets the length of the history it vouches for. */
  run(step: Step, log: RaftLog, acknowledged: (history: number) => void): void {
    const done = () => acknowledged(this.historyAt)
    switch (step.kind) {
      case 'append': {
        this.currentTerm += 1
        const back = Math.min(step.back, this.last - Math.max(this.commit, this.start))
        const first = this.last - back + 1
        const entries = Array.from({ length: step.count }, (_, at) => ({
          ...entry(first + at, this.currentTerm, step.bytes),
          ...(step.bytes === 7 ? changeOf(first + at) : {}),
        }))
        const hardState = { ...this.state.hardState, term: term(this.currentTerm) }
        this.become({ hardState })
        const kept = this.state.entries.slice(0, first - this.start - 1)
        this.become({ entries: [...kept, ...entries] })
        for (let index = first; this.latest.delete(index); index += 1);
        for (const added of entries) this.latest.set(added.index, added)
        const at = this.history.length
        log.append(write({ entries, hardState }), () => acknowledged(at))
        return
      }
      case 'commit': {
        const hardState = { ...this.state.hardState, commit: logIndex(this.last) }
        for (let index = this.commit + 1; index <= this.last; index += 1)
          this.members.set(index, this.membersAt(index))
        this.become({ hardState })
        const at = this.history.length
        log.append(write({ hardState }), () => acknowledged(at))
        return
      }
      case 'compact': {
        if (this.commit <= this.start) return
        const snapshot = {
          ...meta(this.commit, this.state.entries[this.commit - this.start - 1]?.term ?? 0),
          confState: this.membersAt(this.commit),
        }
        this.become({ snapshot, entries: this.state.entries.slice(this.commit - this.start) })
        log.compact(snapshot)
        return
      }
      case 'snapshot': {
        const snapshot = meta(this.last + step.ahead, this.currentTerm)
        const hardState = hard(Math.max(this.currentTerm, 1), snapshot.index)
        this.become({ hardState: { ...hardState, commit: this.state.hardState.commit } })
        this.become({ hardState, snapshot, entries: [] })
        this.latest.clear()
        this.members.set(snapshot.index, snapshot.confState)
        const at = this.history.length
        log.append(write({ snapshot, hardState }), () => acknowledged(at))
        return
      }
    }
    done()
  }

  private membersAt(index: number): ConfState {
    let members = this.state.snapshot.confState
    for (const { kind, data, index: at } of this.state.entries)
      if (kind === 'confChange' && at <= index)
        members = applyConfChange(members, decodeConfChange(data))
    return members
  }

  private get historyAt(): number {
    return this.history.length
  }

  get commit(): number {
    return this.state.hardState.commit
  }

  get start(): number {
    return this.state.snapshot.index
  }
}

function changeOf(index: number): Pick<Entry, 'kind' | 'data'> {
  const kind = index % 2 === 0 ? 'addLearner' : 'remove'
  const node = nodeId(2 + Math.floor((index % 8) / 2))
  return { kind: 'confChange', data: encodeConfChange([{ kind, node }]) }
}

export function fingerprint({ hardState, snapshot, entries }: LogState): string {
  const { term: hardTerm, vote, commit } = hardState
  return JSON.stringify([
    [hardTerm, vote, commit],
    [snapshot.index, snapshot.term],
    entries.map(({ index, term: entryTerm, sequence, data }) => [
      index,
      entryTerm,
      sequence,
      data.length,
      data[0] ?? -1,
    ]),
  ])
}
