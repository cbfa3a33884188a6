// What a Raft instance is made from and what it tells about itself: configuration, the state read
// from disk at a start, and the status that operators and tests look at.
// Counterparts: Config, InitialState and Status of etcd-io/raft.

import type { Random } from '../../platform/random.js'
import type {
  ConfState,
  Entry,
  HardState,
  LogIndex,
  NodeId,
  Role,
  SnapshotMeta,
  Term,
} from './types.js'

export interface RaftConfig {
  readonly id: NodeId
  /** A follower campaigns after electionTicks..2*electionTicks-1 ticks of silence. */
  readonly electionTicks: number
  /** A leader sends heartbeats every so many ticks; well below electionTicks. */
  readonly heartbeatTicks: number
  /** Draws election timeouts only. */
  readonly random: Random
  /** Entries of one appendRequest stay below this, but one entry always fits. */
  readonly entriesBytesMaxPerMessage: number
  /** Unacknowledged appendRequests to one follower. */
  readonly inflightMessagesMax: number
  /** Unacknowledged bytes of entries to one follower; one message always fits. */
  readonly inflightBytesMax: number
  /** Entries that a leader takes before they commit; above it proposals are refused. */
  readonly uncommittedBytesMax: number
  /**
   * Entries kept in memory: older ones that are applied and durable are on disk alone, and read from
   * there for a slow follower (`Ready.fetches`). Absent: all entries since the start of the log are
   * kept, and nothing is ever fetched.
   */
  readonly cachedBytesMax?: number
  /** Absent: off. See lease.ts for what has to hold, on every member alike. */
  readonly leaseReads?: LeaseReads
}

export interface LeaseReads {
  /**
   * By how much the clocks of two members, and the ticks of one, may be apart over an election
   * timeout. 1 <= driftTicks < electionTicks - heartbeatTicks
   */
  readonly driftTicks: number
}

/** Entries from `from` on have this term, up to where the next run begins. */
export interface TermRun {
  readonly from: LogIndex
  readonly term: Term
}

/**
 * This member has lost entries that it may have acknowledged, all of them at or below `floor`. The
 * term and the vote beside it must be known all the same, to the last that was durable: a log that
 * cannot tell them is beyond repair, for a vote may then be given twice. Entries up to the index that
 * the state machine has applied, as far as there are any, must be those that were applied. Nothing else
 * of such a state is trusted: what it says is committed counts only as far as it was applied.
 */
export interface DamagedState {
  readonly floor: LogIndex
}

/**
 * What the log on disk says at a start. A torn last write may have lost either half. Without the
 * hard state the last entry tells the term, and no vote of that term can have left. Without the
 * entries nothing is missing: a commit index never speaks of entries of its own write.
 */
export interface RaftState {
  readonly hardState: HardState
  /**
   * Where the log starts. A new cluster: index 0, term 0 and the first membership. While damaged it
   * may have an index above 0 and term 0, unknown: then index is that of the applied state.
   */
  readonly snapshot: SnapshotMeta
  /** Contiguous, from behind `entriesAfter`, or else behind `snapshot`. */
  readonly entries: readonly Entry[]
  /**
   * What lies behind `snapshot` up to here is on disk alone. Never beyond the index that the state
   * machine has applied: what is still to be applied has to be in `entries`.
   */
  readonly entriesAfter?: { readonly index: LogIndex; readonly term: Term } | null
  /** The terms of all entries that are on disk alone, in order. */
  readonly termRuns?: readonly TermRun[]
  /** Those of the entries that are on disk alone which are of the kind confChange, in order. */
  readonly confChanges?: readonly Entry[]
  /** Absent or null: whole. */
  readonly damaged?: DamagedState | null
}

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

export interface PeerStatus {
  readonly id: NodeId
  readonly state: ProgressState
  readonly match: LogIndex
  readonly next: LogIndex
  /** Heard of since the last check of the quorum. */
  readonly recentActive: boolean
  readonly inflightMessages: number
  readonly inflightBytes: number
  /** Index of the snapshot on its way; 0 for none. */
  readonly pendingSnapshot: LogIndex
  readonly learner: boolean
}

export interface RaftStatus {
  readonly id: NodeId
  readonly role: Role
  readonly leader: NodeId
  readonly term: Term
  readonly vote: NodeId
  readonly commit: LogIndex
  readonly applied: LogIndex
  /** Last index that is durable here. */
  readonly durable: LogIndex
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly uncommittedBytes: number
  /** Target of a leadership transfer under way; noNode for none. */
  readonly transferee: NodeId
  readonly confState: ConfState
  /** Every other member, as this node sees it; meaningful on a leader only. */
  readonly progress: readonly PeerStatus[]
  /** Malformed messages that were ignored since the start. */
  readonly ignoredMessages: number
  /** Entries are being brought back by a leader; until then this member takes no part in elections. */
  readonly damaged: boolean
}
