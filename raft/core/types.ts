// The vocabulary of consensus: what crosses the edge of the pure protocol core.
// Counterpart: raftpb of etcd-io/raft and the RPCs of the Raft paper, figure 2.

declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

/** Integer in 1..2^53-1, never reused within a cluster. */
export type NodeId = Branded<number, 'NodeId'>
export type Term = Branded<number, 'Term'>
export type LogIndex = Branded<number, 'LogIndex'>

export const nodeId = (value: number): NodeId => value as NodeId
export const term = (value: number): Term => value as Term
export const logIndex = (value: number): LogIndex => value as LogIndex

/** No node: unknown leader, no vote. */
export const noNode = nodeId(0)

/** Before the first: nobody leads in it. */
export const noTerm = term(0)

export type EntryKind = 'normal' | 'noop' | 'confChange'

export interface Entry {
  readonly term: Term
  readonly index: LogIndex
  readonly kind: EntryKind
  /** Node that proposed it and its sequence number there, so that its proposer can be answered. */
  readonly origin: NodeId
  readonly sequence: number
  readonly data: Uint8Array
}

/** Must be durable before any message that rests on it leaves. */
export interface HardState {
  readonly term: Term
  readonly vote: NodeId
  readonly commit: LogIndex
}

/** Where a member that was added at run time listens for its peers. */
export interface MemberAddress {
  readonly node: NodeId
  readonly name: string
  readonly address: string
  /** A learner that is to become a voter as soon as it keeps up, whoever leads then. */
  readonly promote?: true
}

/** Membership. Joint while `votersOutgoing` is not empty (paper section 6). */
export interface ConfState {
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  readonly learnersNext: readonly NodeId[]
  /** Of members that are not in the configuration, by node; absent when there are none. */
  readonly addresses?: readonly MemberAddress[]
}

/** What a snapshot covers: everything up to and including `index`. */
export interface SnapshotMeta {
  readonly index: LogIndex
  readonly term: Term
  readonly confState: ConfState
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly term: Term
}

/** A batch of client payloads; `sequences[i]` belongs to `payloads[i]`, both of node `origin`. */
export interface ProposalBatch {
  readonly origin: NodeId
  readonly sequences: readonly number[]
  readonly payloads: readonly Uint8Array[]
}

export type Message =
  | (Envelope & {
      readonly kind: 'voteRequest'
      readonly preVote: boolean
      readonly lastIndex: LogIndex
      readonly lastTerm: Term
      /** Leadership transfer: disregard the leader lease. */
      readonly force: boolean
      /** What the sender knows to be committed: index and term of its entry. */
      readonly commit: LogIndex
      readonly commitTerm: Term
    })
  | (Envelope & {
      readonly kind: 'voteResponse'
      readonly preVote: boolean
      readonly granted: boolean
      /** As in the request. */
      readonly commit: LogIndex
      readonly commitTerm: Term
    })
  | (Envelope & {
      readonly kind: 'appendRequest'
      readonly prevIndex: LogIndex
      readonly prevTerm: Term
      readonly entries: readonly Entry[]
      readonly commit: LogIndex
    })
  | (Envelope & {
      readonly kind: 'appendResponse'
      readonly rejected: boolean
      /** Accepted: last durable index. Rejected: the prevIndex that did not match. */
      readonly index: LogIndex
      /** Rejected only: where to try next (term of the conflict and a hint index). */
      readonly hintIndex: LogIndex
      readonly hintTerm: Term
      /**
       * Rejected only: the sender has lost entries that it may have acknowledged to this very leader
       * (see `RaftState.damaged`), so what the leader counted for it does not hold any more.
       */
      readonly lost?: boolean
    })
  | (Envelope & {
      readonly kind: 'heartbeatRequest'
      readonly commit: LogIndex
      /** Highest read round this heartbeat confirms; 0 for none. */
      readonly readRound: number
    })
  | (Envelope & { readonly kind: 'heartbeatResponse'; readonly readRound: number })
  | (Envelope & { readonly kind: 'snapshotRequest'; readonly snapshot: SnapshotMeta })
  | (Envelope & {
      readonly kind: 'readIndexRequest'
      /** Chosen by the asking node; comes back in the response. */
      readonly context: number
    })
  | (Envelope & {
      readonly kind: 'readIndexResponse'
      readonly context: number
      /** 0 when refused (no leader, or leader not yet committed in its term). */
      readonly index: LogIndex
    })
  | (Envelope & { readonly kind: 'proposalForward'; readonly proposals: ProposalBatch })
  | (Envelope & {
      /** Not taken by the leader, certainly not applied. */
      readonly kind: 'proposalRefused'
      readonly origin: NodeId
      readonly sequences: readonly number[]
      readonly reason: ProposalRefusal
    })
  | (Envelope & { readonly kind: 'transferLeaderRequest'; readonly transferee: NodeId })
  | (Envelope & { readonly kind: 'timeoutNow' })

export type ProposalRefusal =
  | 'no-leader'
  | 'transferring'
  | 'too-many-uncommitted'
  | 'removed'
  /** Changes of membership only: they are made on the leader, one at a time, and change something. */
  | 'not-leader'
  | 'change-pending'
  | 'change-invalid'

declare const durable: unique symbol
/**
 * A message that rests on the disk write it stands beside. It has another type than a message
 * that may leave at once, so sending it early does not compile; only `AppendTask.release` opens it.
 */
export interface AfterDurable {
  readonly [durable]: Message
}

/** One disk write. Tasks complete in the order in which they were handed out. */
export interface AppendTask {
  readonly id: number
  /** Entries to append; the log is cut before `entries[0].index` if it is longer. */
  readonly entries: readonly Entry[]
  /** Null when unchanged. */
  readonly hardState: HardState | null
  /** Replaces log and state before `entries` when present. */
  readonly snapshot: SnapshotMeta | null
  /** False when nothing here needs to survive a crash before it is acknowledged. */
  readonly mustSync: boolean
  /** Messages that may leave once this task is durable. */
  readonly release: readonly AfterDurable[]
}

/** A read confirmed by a quorum: serve it once `applied >= index`. */
export interface ReadState {
  readonly context: number
  /** 0: refused, retry later. */
  readonly index: LogIndex
}

export interface SoftState {
  readonly role: Role
  readonly leader: NodeId
  readonly term: Term
}

/**
 * Entries that a follower needs and that are on disk alone: read them from the log and answer with
 * `Raft.fetched`, once, whenever they are there. At most one is under way for a follower.
 */
export interface EntryFetch {
  readonly id: number
  /** For whom; of no meaning to the one who reads. */
  readonly to: NodeId
  /** The first entry that is needed. */
  readonly from: LogIndex
  /** Entries together may have about this size, but one is always wanted. */
  readonly bytesMax: number
}

/** Contiguous from `EntryFetch.from`, at least one. */
export interface FetchedEntries {
  /** Of the entry before the first. */
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
}

/** What the shell has to do now. Everything in it is handed out exactly once. */
export interface Ready {
  /** May leave before `append` is durable: the leader sends while its own disk writes. */
  readonly messages: readonly Message[]
  readonly append: AppendTask | null
  /** Committed and durable here: to be applied in this order. */
  readonly committed: readonly Entry[]
  readonly readStates: readonly ReadState[]
  readonly refusedProposals: readonly {
    readonly sequences: readonly number[]
    readonly reason: ProposalRefusal
  }[]
  readonly fetches: readonly EntryFetch[]
  /** Null when unchanged. */
  readonly softState: SoftState | null
}
