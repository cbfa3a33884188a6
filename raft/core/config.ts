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
}

/**
 * What the log on disk says at a start. A torn last write may have lost either half. Without the
 * hard state the last entry tells the term, and no vote of that term can have left. Without the
 * entries nothing is missing: a commit index never speaks of entries of its own write.
 */
export interface RaftState {
  readonly hardState: HardState
  /** Where the log starts. A new cluster: index 0, term 0 and the first membership. */
  readonly snapshot: SnapshotMeta
  /** Contiguous from `snapshot.index + 1`. */
  readonly entries: readonly Entry[]
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
}
