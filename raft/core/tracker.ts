// Everybody in the membership, and what a leader knows of each. Counterpart: tracker/tracker.go of
// etcd-io/raft. Keeps one Progress per other member; of itself it knows the durable index.

import type { RaftConfig } from './config.js'
import { Progress } from './progress.js'
import { type Acknowledged, jointAcknowledged, jointVotes, type VoteResult } from './quorum.js'
import { type ConfState, type LogIndex, logIndex, type NodeId } from './types.js'

export class Tracker implements Acknowledged {
  /** Of the last applied membership change. */
  confState: ConfState
  /** The other members, in order of id. */
  peers: readonly Progress[] = []
  /** Durable here; counts for this node itself. Set by the leader alone. */
  ownMatch: LogIndex = logIndex(0)
  private byId: ReadonlyMap<NodeId, Progress> = new Map()
  private readonly config: RaftConfig
  private readonly rounds: Acknowledged

  constructor(config: RaftConfig, confState: ConfState, next: LogIndex) {
    this.config = config
    this.confState = confState
    this.rounds = {
      acknowledged: id =>
        id === config.id ? Number.MAX_SAFE_INTEGER - 1 : (this.byId.get(id)?.readRound ?? 0),
    }
    this.become(confState, next)
  }

  /** Members that stay keep their progress; new ones start at `next`. */
  become(confState: ConfState, next: LogIndex): void {
    const ids = new Set<NodeId>([
      ...confState.voters,
      ...confState.votersOutgoing,
      ...confState.learners,
      ...confState.learnersNext,
    ])
    ids.delete(this.config.id)
    const byId = new Map<NodeId, Progress>()
    for (const id of Array.from(ids).sort((a, b) => a - b)) {
      byId.set(id, this.byId.get(id) ?? this.makeProgress(id, next))
    }
    this.confState = confState
    this.byId = byId
    this.peers = Array.from(byId.values())
  }

  private makeProgress(id: NodeId, next: LogIndex): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.config
    const progress = new Progress(id, next, inflightMessagesMax, inflightBytesMax)
    // Or a check of the quorum soon after would hold its silence against it.
    progress.recentActive = true
    return progress
  }

  reset(next: LogIndex): void {
    for (const progress of this.peers) progress.reset(next)
    this.ownMatch = logIndex(0)
  }

  progressOf(id: NodeId): Progress | undefined {
    return this.byId.get(id)
  }

  isVoter(id: NodeId): boolean {
    return this.confState.voters.includes(id) || this.confState.votersOutgoing.includes(id)
  }

  isMember(id: NodeId): boolean {
    return this.isVoter(id) || this.confState.learners.includes(id)
  }

  /** True when this node alone is a quorum. */
  get isAlone(): boolean {
    const { voters, votersOutgoing } = this.confState
    return voters.length === 1 && voters[0] === this.config.id && votersOutgoing.length === 0
  }

  acknowledged(id: NodeId): number {
    return id === this.config.id ? this.ownMatch : (this.byId.get(id)?.match ?? 0)
  }

  /** The highest index that is durable on a quorum. */
  quorumIndex(): LogIndex {
    return logIndex(jointAcknowledged(this.confState, this))
  }

  /** The highest read round that a quorum, this node included, has confirmed. */
  quorumRound(): number {
    return jointAcknowledged(this.confState, this.rounds)
  }

  tally(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    return jointVotes(this.confState, votes)
  }

  /** Whether a quorum was heard of since the last call. */
  takeQuorumActive(): boolean {
    const active = new Map<NodeId, boolean>([[this.config.id, true]])
    for (const progress of this.peers) {
      active.set(progress.id, progress.recentActive)
      progress.recentActive = false
    }
    return jointVotes(this.confState, active) === 'won'
  }
}
