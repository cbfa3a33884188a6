// How far learners are from taking part: replication in rounds, thesis 4.2.1. A round ends when the
// learner has what the leader had when the round began; one that took less than an election timeout
// says that the learner keeps up, and the cluster would not stall on it as a voter. Pure.

import type { PeerStatus } from './core/config.js'
import type { LogIndex, NodeId } from './core/types.js'

interface Round {
  /** The leader's last entry when it began. */
  readonly target: LogIndex
  readonly sinceMs: number
  /** The round before this one was fast. */
  readonly keepsUp: boolean
}

export class LearnerRounds {
  private readonly electionMs: number
  private rounds = new Map<NodeId, Round>()

  constructor(electionMs: number) {
    this.electionMs = electionMs
  }

  /** What a leader knows of its peers now; others than learners are forgotten. */
  update(progress: readonly PeerStatus[], lastIndex: LogIndex, nowMs: number): void {
    const rounds = new Map<NodeId, Round>()
    for (const peer of progress) {
      if (!peer.learner) continue
      const round = this.rounds.get(peer.id) ?? freshRound(lastIndex, nowMs)
      rounds.set(peer.id, this.after(round, peer.match, lastIndex, nowMs))
    }
    this.rounds = rounds
  }

  keepsUp(id: NodeId): boolean {
    return this.rounds.get(id)?.keepsUp ?? false
  }

  /** This node leads no more. */
  clear(): void {
    this.rounds.clear()
  }

  private after(round: Round, match: LogIndex, lastIndex: LogIndex, nowMs: number): Round {
    const tookMs = nowMs - round.sinceMs
    if (match >= round.target)
      return { target: lastIndex, sinceMs: nowMs, keepsUp: tookMs < this.electionMs }
    return tookMs < this.electionMs ? round : { ...round, keepsUp: false }
  }
}

function freshRound(target: LogIndex, sinceMs: number): Round {
  return { target, sinceMs, keepsUp: false }
}
