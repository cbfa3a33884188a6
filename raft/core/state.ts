// Everything a node remembers, and its outgoing post. The rules that change it stand in one file a
// concern (elections, replication, ...), as functions over this state; raft.ts is the door.
// Counterpart: struct raft of etcd-io/raft; "State" of figure 2 of the paper.

import { assert } from '../../platform/errors.js'
import type { RaftConfig } from './config.js'
import { seal } from './durable.js'
import { Lease } from './lease.js'
import type { RaftLog } from './log.js'
import { ReadQueue } from './read-queue.js'
import { Storing } from './storing.js'
import { Tracker } from './tracker.js'
import {
  type AfterDurable,
  type ConfState,
  type EntryFetch,
  type HardState,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  noNode,
  noTerm,
  type ProposalRefusal,
  type ReadState,
  type Role,
  type SnapshotMeta,
  type Term,
} from './types.js'

export interface RefusedProposals {
  readonly sequences: readonly number[]
  readonly reason: ProposalRefusal
}

/** A membership and the entry (or snapshot) that made it. */
export interface ConfStateAt {
  readonly index: LogIndex
  readonly confState: ConfState
}

export class CoreState {
  readonly id: NodeId
  readonly config: RaftConfig
  readonly log: RaftLog
  readonly storing: Storing
  readonly tracker: Tracker
  readonly reads = new ReadQueue()
  readonly lease = new Lease()

  role: Role = 'follower'
  /** Never decreases. */
  term: Term
  /** At most one a term: once set it changes only with the term. */
  vote: NodeId
  /** At most one a term: once set it changes only with the term, or to nobody. */
  leader: NodeId = noNode
  /**
   * The leader of this term whose process is known to have ended, see gone-leader.ts. Forgotten with the
   * term, and when anything is heard from it. A preCandidate knows it here alone.
   */
  goneLeader: NodeId = noNode
  /** start <= applied <= delivered. Never decreases. */
  applied: LogIndex
  /** While damaged: all that was lost is at or below it. 0 when whole, see damage.ts. */
  floor: LogIndex = logIndex(0)
  /** Memberships since the start of the log, oldest first; never empty. */
  confStates: ConfStateAt[]

  /** Since the start, in ticks. */
  ticks = 0
  electionElapsed = 0
  heartbeatElapsed = 0
  /** electionTicks <= electionTimeout < 2 * electionTicks */
  electionTimeout = 0
  /** Answers of this campaign; a candidate's own counts once it is durable. */
  readonly votes = new Map<NodeId, boolean>()

  /** Leader only: target of a transfer under way. */
  transferee: NodeId = noNode
  /** Leader only: bytes of the entries behind the commit index. */
  uncommittedBytes = 0
  /** Leader only: index of the last confChange; no other is taken before it is applied. */
  pendingConfIndex: LogIndex = logIndex(0)
  /** Follower only: the leader of this term asked it to take over, and it could not yet. */
  takeOverTerm: Term = noTerm
  /** In ticks; later the leader has given up, and goes on. */
  takeOverUntil = 0
  /** Leader only: there may be something to send to followers. */
  sendDue = false
  /** Leader only: some read round or timer asks for heartbeats. */
  heartbeatDue = false

  outbox: Message[] = []
  sealed: AfterDurable[] = []
  readStates: ReadState[] = []
  refused: RefusedProposals[] = []
  fetches: EntryFetch[] = []
  nextFetchId = 1
  ignoredMessages = 0

  constructor(config: RaftConfig, hardState: HardState, snapshot: SnapshotMeta, log: RaftLog) {
    this.config = config
    this.id = config.id
    this.term = hardState.term
    this.vote = hardState.vote
    this.log = log
    this.storing = new Storing(hardState)
    this.applied = snapshot.index
    this.confStates = [{ index: snapshot.index, confState: snapshot.confState }]
    this.tracker = new Tracker(config, snapshot.confState, logIndex(log.last + 1))
    this.drawElectionTimeout()
  }

  get commit(): LogIndex {
    return this.log.commit
  }

  /** May leave at once: rests on nothing that could be lost. */
  send(message: Message): void {
    assert(message.to !== this.id, 'nothing is sent to oneself')
    this.outbox.push(message)
  }

  /** Leaves once everything in this state at the moment is durable. */
  sendWhenDurable(message: Message): void {
    assert(message.to !== this.id, 'nothing is sent to oneself')
    assert(message.term === this.term, 'a vote or acknowledgement speaks for the current term')
    this.sealed.push(seal(message))
  }

  /**
   * A new term. Answers of the old one that were not handed out yet are dropped: nobody needs
   * them, and the log they speak of may be cut before they would leave.
   */
  enterTerm(term: Term, vote: NodeId): void {
    assert(term > this.term, 'the term never decreases')
    this.term = term
    this.vote = vote
    this.leader = noNode
    this.goneLeader = noNode
    this.sealed = []
  }

  voteFor(candidate: NodeId): void {
    assert(this.vote === noNode || this.vote === candidate, 'at most one vote a term')
    this.vote = candidate
  }

  /** Section 5.2: at most one leader can be elected in a term. Two mean that safety is lost. */
  follow(leader: NodeId): void {
    assert(this.leader === noNode || this.leader === leader, 'at most one leader a term')
    this.leader = leader
  }

  drawElectionTimeout(): void {
    const { electionTicks, random } = this.config
    this.electionTimeout = electionTicks + random.integer(electionTicks)
  }

  /**
   * True while the leader of this term was heard of recently, and is not known to be gone: a reason to
   * disturb nobody.
   */
  get inLease(): boolean {
    if (this.leader === noNode || this.goneLeader !== noNode) return false
    return this.electionElapsed < this.config.electionTicks
  }

  get committedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term
  }

  /** Leaves to the disk what is applied and durable, beyond what is kept in memory. */
  shrinkLog(): void {
    const { cachedBytesMax } = this.config
    if (cachedBytesMax !== undefined) this.log.shrink(this.applied, cachedBytesMax)
  }

  /** The whole log is cut from `index` on, in memory and in what is being written. */
  cutLog(index: LogIndex): void {
    this.log.truncate(index)
    this.storing.cut(index)
  }
}
