// What the node loop needs of the replicated state machine that stands on it. The store implements
// it; tests implement it with a few lines. State is a projection of the log: the machine keeps its
// own applied index in the same transaction as its data, and the log is replayed from there.

import type { RaftsmanError } from '../platform/errors.js'
import type { Entry, LogIndex } from './core/types.js'

/** A consistent picture of the state at `index`, read in chunks while applying goes on. */
export interface SnapshotSource {
  readonly index: LogIndex
  /** The next chunk of at most `bytesMax` bytes; null at the end. One call at a time. */
  read(
    bytesMax: number,
    done: (error: RaftsmanError | null, chunk?: Uint8Array | null) => void,
  ): void
  close(): void
}

/** Takes a picture in chunks; nothing is visible before `commit`. */
export interface SnapshotSink {
  write(chunk: Uint8Array, done: (error: RaftsmanError | null) => void): void
  /** Replaces the whole state, durably, and sets the applied index to that of the snapshot. */
  commit(done: (error: RaftsmanError | null) => void): void
  abort(): void
}

/** Of an entry that is not applied yet: it takes another turn. */
export const unfinished = Symbol('unfinished')

export interface StateMachine {
  /** The last index applied. After a start: the one found with the durable state. */
  readonly appliedIndex: LogIndex
  /** Everything up to here survives a power cut without the log, so the log may be cut there. */
  readonly durableIndex: LogIndex
  /**
   * Answers once all that is applied survives a power cut. Asked for at a start, before a damaged log is
   * made to begin where the state ends. Errors: the state cannot be written; the node does not start.
   */
  makeDurable(done: (error: RaftsmanError | null) => void): void
  /** What a picture of the state would take, about; small when absent. More log is kept for a long one. */
  readonly snapshotBytes?: number
  /**
   * Applies the next entry: `entry.index === appliedIndex + 1`. The result goes to the proposer
   * if it is this node. Never throws for what a client sent: such errors are results. `noop` and
   * `confChange` entries only move the index. A retryable RaftsmanError with the outcome
   * `not-applied` says that there is no room for it now: nothing has changed, and the same entry
   * comes again later. It comes again in another turn as well after `unfinished`, which keeps one
   * entry from holding the node; until it is finished the applied index stays.
   */
  apply(entry: Entry): unknown
  /** Called once after a run of `apply` calls of one turn: publish to watchers, schedule a flush. */
  applied(): void
  /** The picture is of an index that was the applied one between the call and the answer. */
  openSnapshot(done: (error: RaftsmanError | null, source?: SnapshotSource) => void): void
  beginRestore(
    index: LogIndex,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ): void
}
