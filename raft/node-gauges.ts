// What a node shows of itself to Prometheus.

import type { Counter, Gauge, Metrics } from '../platform/metrics.js'
import type { NodeId, SoftState } from './core/types.js'
import { noNode } from './core/types.js'
import type { RaftNodeStatus } from './node-types.js'

export class NodeGauges {
  private readonly leads: Gauge
  private readonly hasLeader: Gauge
  private readonly term: Gauge
  private readonly commit: Gauge
  private readonly applied: Gauge
  private readonly pending: Gauge
  private readonly damaged: Gauge
  private readonly changes: Counter
  private lastLeader: NodeId = noNode

  constructor(metrics: Metrics) {
    this.leads = metrics.gauge('raftsman_raft_is_leader', '1 on the leader.')
    this.hasLeader = metrics.gauge('raftsman_raft_has_leader', '1 when a leader is known.')
    this.term = metrics.gauge('raftsman_raft_term', 'Current term.')
    this.commit = metrics.gauge('raftsman_raft_commit_index', 'Last committed entry.')
    this.applied = metrics.gauge('raftsman_raft_applied_index', 'Last applied entry.')
    this.pending = metrics.gauge('raftsman_raft_proposals_pending', 'Unanswered proposals.')
    this.damaged = metrics.gauge('raftsman_raft_damaged', '1 while lost entries are brought back.')
    this.changes = metrics.counter('raftsman_raft_leader_changes_total', 'Leaders seen.')
  }

  softState({ role, leader }: SoftState): void {
    this.leads.set(role === 'leader' ? 1 : 0)
    this.hasLeader.set(leader === noNode ? 0 : 1)
    if (leader !== noNode && leader !== this.lastLeader) {
      this.changes.add()
      this.lastLeader = leader
    }
  }

  update(status: RaftNodeStatus): void {
    this.term.set(status.term)
    this.commit.set(status.commitIndex)
    this.applied.set(status.appliedIndex)
    this.pending.set(status.pendingProposals)
    this.damaged.set(status.damaged ? 1 : 0)
  }
}
