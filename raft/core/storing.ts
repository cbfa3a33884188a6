// The writes under way: what each will have made durable when it answers. Counterpart:
// asynchronous storage writes of etcd-io/raft. Tasks answer in the order in which they were handed
// out. A log that is cut meanwhile takes the cut entries out of every task that carries them, so an
// answer that comes late never vouches for entries of another term at the same index.

import { assert, must } from '../../platform/errors.js'
import type { AfterDurable, HardState, LogIndex, NodeId, SnapshotMeta, Term } from './types.js'
import { logIndex } from './types.js'

/** Beyond this many unanswered tasks no further one is handed out. */
const tasksUnderWayMax = 256

export interface WriteUnderWay {
  readonly id: number
  /** Entries up to here are durable with it, as far as they were not cut since. */
  stableTo: LogIndex
  readonly snapshotIndex: LogIndex
  /** As of this task. */
  readonly term: Term
  readonly vote: NodeId
  readonly release: readonly AfterDurable[]
  /** Tick at which it was handed out. */
  readonly since: number
}

export class Storing {
  private readonly tasks: WriteUnderWay[] = []
  private nextId = 1
  /** What storage was given last. */
  handed: HardState
  /** Of the last task that answered. durableTerm <= handed.term */
  durableTerm: Term
  durableVote: NodeId

  constructor(hardState: HardState) {
    this.handed = hardState
    this.durableTerm = hardState.term
    this.durableVote = hardState.vote
  }

  get idle(): boolean {
    return this.tasks.length === 0
  }

  get full(): boolean {
    return this.tasks.length >= tasksUnderWayMax
  }

  /** Whether the oldest write has been under way for so long. */
  isStalled(tick: number, ticksMax: number): boolean {
    const oldest = this.tasks[0]
    return oldest !== undefined && tick - oldest.since >= ticksMax
  }

  begin(
    stableTo: LogIndex,
    snapshot: SnapshotMeta | null,
    hardState: HardState | null,
    release: readonly AfterDurable[],
    tick: number,
  ): number {
    assert(!this.full, 'the number of writes under way is limited')
    if (hardState !== null) {
      assert(hardState.term >= this.handed.term, 'the term never decreases')
      assert(hardState.commit >= this.handed.commit, 'the commit index never decreases')
      this.handed = hardState
    }
    const id = this.nextId++
    this.tasks.push({
      id,
      stableTo,
      snapshotIndex: snapshot === null ? logIndex(0) : snapshot.index,
      term: this.handed.term,
      vote: this.handed.vote,
      release,
      since: tick,
    })
    return id
  }

  /** Entries from `index` on are not those anymore that the tasks carry. */
  cut(index: LogIndex): void {
    for (const task of this.tasks) {
      if (task.stableTo >= index) task.stableTo = logIndex(index - 1)
    }
  }

  finish(id: number): WriteUnderWay {
    const task = must(this.tasks.shift(), 'only a task that was handed out can be durable')
    assert(task.id === id, 'tasks become durable in the order in which they were handed out')
    assert(task.term >= this.durableTerm, 'the durable term never decreases')
    this.durableTerm = task.term
    this.durableVote = task.vote
    return task
  }
}
