// What a user of replication sees: how a node is started, what can be asked of it, and the errors
// it answers with. Counterpart: etcd's raft.Node plus the request bookkeeping of its server.
// `RaftNode` in node.ts is the one production implementation; tests of what stands on top may
// implement `Replica` with a few lines.

import type { Clock } from '../platform/clock.js'
import type { Disk } from '../platform/disk.js'
import { RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Metrics } from '../platform/metrics.js'
import type { Address, Network, TlsFiles } from '../platform/network.js'
import type { Processes } from '../platform/processes.js'
import type { Random } from '../platform/random.js'
import type { ConfChange } from './core/conf-change.js'
import type { RaftConfig, RaftStatus } from './core/config.js'
import type { ConfStateAt } from './core/state.js'
import type {
  ConfState,
  LogIndex,
  MemberAddress,
  NodeId,
  ProposalRefusal,
  Role,
  SoftState,
  Term,
} from './core/types.js'
import type { StateMachine } from './state-machine.js'
import type { VersionRange } from './transport/transport-options.js'

export interface RaftPeer {
  readonly id: NodeId
  readonly name: string
  /** Where it listens for its peers. */
  readonly address: Address
}

export interface RaftNodeOptions {
  readonly id: NodeId
  readonly name: string
  /** Integer in 1..2^53-1. Nodes of other clusters are refused, and so are their directories. */
  readonly clusterId: number
  /** Every member, this node with or without. The voters of a new cluster. */
  readonly peers: readonly RaftPeer[]
  /**
   * This node is added to a cluster that exists: `peers` are members of it, and an empty directory
   * waits to be told the membership instead of making a first one.
   */
  readonly join?: boolean
  readonly listen: Address
  /** Whether a stranger was a member once, as far as who stands above knows; ids are not used twice. */
  readonly wasRemoved?: (node: NodeId) => boolean
  readonly tls: TlsFiles | null
  /** Of the write-ahead log; made when missing, owned by one process at a time. */
  readonly directory: string
  /** 100 is usual. */
  readonly tickMs: number
  /** An election starts after this many to twice as many ticks without a leader; 10 is usual. */
  readonly electionTicks: number
  readonly stateMachine: StateMachine
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  readonly processes: Processes
  readonly logger: Logger
  readonly metrics: Metrics
  /** Entries behind the machine's durable index that are kept for slow followers; 5000 is usual. */
  readonly entriesKept: number
  /** Bytes after which the log goes on in the next file; 64 MiB when absent. */
  readonly segmentBytes?: number
  /** Versions of what stands in entries that the state machine knows, told to the peers. */
  readonly speaks?: VersionRange
  /** Departures from the usual limits of messages and memory: the simulator draws small ones. */
  readonly limits?: Partial<Omit<RaftConfig, 'id' | 'electionTicks' | 'random'>>
  /** The node has stopped for good and the process must end: what it holds may not be on disk. */
  readonly onFatal: (error: Error) => void
}

export interface RaftNodeStatus {
  readonly id: NodeId
  readonly name: string
  readonly clusterId: number
  readonly role: Role
  /** `noNode` when unknown. */
  readonly leader: NodeId
  readonly term: Term
  readonly commitIndex: LogIndex
  readonly appliedIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly confState: ConfState
  /** This node is no member any more, by its own log or by what a peer says. */
  readonly removed: boolean
  /** Where peers reach this node (a listen port of 0 is resolved). */
  readonly address: Address
  readonly pendingProposals: number
  /** The log cannot be written for want of room. */
  readonly diskFull: boolean
  /** What this node lost of its log or its state is being brought back by a leader. */
  readonly damaged: boolean
}

export type ProposalDone = (error: RaftsmanError | null, result?: unknown) => void
export type ReadIndexDone = (error: RaftsmanError | null, appliedIndex?: LogIndex) => void

export type MembershipDone = (error: RaftsmanError | null, confState?: ConfState) => void

export interface Replacement {
  readonly remove: NodeId
  readonly add: MemberAddress
  /** False: answer `learner-not-ready` while the new member lags. True when absent. */
  readonly waits?: boolean
  /** For the new member to catch up with the log; ten minutes when absent. */
  readonly catchUpMsMax?: number
}

/**
 * Changes of membership, on the leader, one at a time. They answer once the change has taken effect
 * and no joint membership is left, with the membership as it is then. Errors: `not-leader` (names
 * the leader), `change-pending`, `change-invalid`, `change-unsafe` (a quorum of the voters that it
 * leads to does not answer), `learner-not-ready`, `transferring`, `too-many-requests`, `stopped`
 * (not applied); `leader-lost`, `timeout`, `catch-up-timeout` (unknown, once something has been proposed).
 * Asking again, here or on another leader, goes on from where it stands.
 */
export interface Reconfiguration {
  /** A new member needs its name and address, unless every node is configured with it. */
  changeMembership(change: ConfChange, done: MembershipDone): void
  /** `promote`: it becomes a voter by itself as soon as it keeps up with the log. */
  addLearner(
    member: MemberAddress,
    options: { readonly promote: boolean },
    done: MembershipDone,
  ): void
  /** Makes a voter of a learner: once it keeps up, or else at once or not at all. */
  promote(node: NodeId, options: { readonly waits: boolean }, done: MembershipDone): void
  /** Another name or address for a member: it is looked for there from now on. */
  updateMember(member: MemberAddress, done: MembershipDone): void
  /** Adds a learner, waits until it keeps up, and then makes it the voter in the other's place. */
  replaceMember(replacement: Replacement, done: MembershipDone): void
}

export interface Replica {
  /**
   * Replicates a payload; `result` is what `StateMachine.apply` returned for it on this node.
   * The payload belongs to the node from here on. Answers exactly once and never before the call
   * returned. Errors: `too-many-requests`, `no-leader`, `transferring`, `not-a-member`,
   * `request-too-large`, `disk-full`, `stopped` (not applied); `timeout`, `leader-lost` and `stopped` (unknown).
   */
  propose(payload: Uint8Array, done: ProposalDone): void
  /** Answers once this node has applied everything that was committed when it was called. */
  readIndex(done: ReadIndexDone): void
  onSoftState(listener: (state: SoftState) => void): void
  /** Answers when another node leads, or with `timeout` after an election timeout. */
  transferLeadership(target: NodeId, done: (error: RaftsmanError | null) => void): void
  status(): RaftNodeStatus
  /** What the peers that this node has a link to say that they speak; itself it leaves out. */
  peerVersions(): ReadonlyMap<NodeId, VersionRange>
  /** Hands leadership over if it has it (bounded), then closes everything. */
  stop(done: () => void): void
}

export type RaftNodeErrorCode =
  | 'too-many-requests'
  | 'no-leader'
  | 'transferring'
  | 'not-a-member'
  | 'request-too-large'
  | 'disk-full'
  | 'stopped'
  | 'timeout'
  | 'leader-lost'
  | 'not-leader'
  | 'change-pending'
  | 'change-invalid'
  | 'change-unsafe'
  | 'learner-not-ready'
  | 'catch-up-timeout'
  | 'start-failed'

/** A request that this node did not carry out; `outcome` says whether it may have happened. */
export class RaftNodeError extends RaftsmanError {}

const sentences: Record<RaftNodeErrorCode, string> = {
  'too-many-requests': 'too many requests are under way on this node; try again in a moment',
  'no-leader': 'the cluster has no leader at the moment; try again in a moment',
  transferring: 'leadership is being handed over; try again in a moment',
  'not-a-member': 'this node is not a member of the cluster',
  'request-too-large': 'the request is larger than the limit of the replicated log',
  'disk-full': 'the disk of the log has no room; make room and the node goes on by itself',
  stopped: 'the node is stopping',
  timeout: 'no answer within the time limit; the request may or may not have taken effect',
  'leader-lost':
    'the leader was lost before it answered; the request may or may not have taken effect',
  'not-leader': 'this node is not the leader',
  'change-pending': 'another change of membership is under way; try again in a moment',
  'change-invalid': 'the change of membership makes no sense',
  'change-unsafe': 'the change of membership would leave the cluster without a quorum',
  'learner-not-ready': 'the learner cannot be made a voter yet; try again in a moment',
  'catch-up-timeout':
    'the change of membership waits for a new member; ask again to go on from where it stands',
  'start-failed': 'the node could not start',
}

const permanent: ReadonlySet<RaftNodeErrorCode> = new Set([
  'request-too-large',
  'not-a-member',
  'not-leader',
  'change-invalid',
  'start-failed',
])

/** How a refusal of the core is told. */
export const refusalCodes: Record<ProposalRefusal, RaftNodeErrorCode> = {
  'no-leader': 'no-leader',
  transferring: 'transferring',
  'too-many-uncommitted': 'too-many-requests',
  removed: 'not-a-member',
  'not-leader': 'not-leader',
  'change-pending': 'change-pending',
  'change-invalid': 'change-invalid',
}

export function raftNodeError(
  code: RaftNodeErrorCode,
  outcome: 'not-applied' | 'unknown' = 'not-applied',
  detail?: string,
): RaftNodeError {
  const sentence = sentences[code]
  return new RaftNodeError(detail === undefined ? sentence : `${sentence}: ${detail}`, {
    code,
    retryable: !permanent.has(code),
    outcome,
  })
}

/** What the simulator looks at after every step. */
export interface NodeInspection {
  readonly status: RaftStatus
  readonly membership: ConfStateAt
  termAt(index: LogIndex): Term | null
}
