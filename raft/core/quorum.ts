// Quorum mathematics over simple and joint majorities. Counterpart: quorum/ of etcd-io/raft and
// section 6 of the paper: while joint, both majorities must agree. A majority of nobody agrees to
// everything, so that a membership that is not joint needs no case of its own.

import type { ConfState, NodeId } from './types.js'

/** Answer of a majority of no voters: no bound at all. */
export const unbounded = Number.MAX_SAFE_INTEGER

export interface Acknowledged {
  /** The highest number (index or read round) that this node acknowledged; 0 for none. */
  acknowledged(id: NodeId): number
}

export type VoteResult = 'won' | 'lost' | 'pending'

export function majoritySize(votersCount: number): number {
  return Math.floor(votersCount / 2) + 1
}

/** The highest number that a majority of `voters` acknowledged. */
export function majorityAcknowledged(voters: readonly NodeId[], of: Acknowledged): number {
  const count = voters.length
  if (count === 0) return unbounded
  // Insertion sort, descending: a handful of voters, and no comparison closure.
  const sorted: number[] = []
  for (let position = 0; position < count; position++) {
    const value = of.acknowledged(voters[position] as NodeId)
    let slot = position
    while (slot > 0 && (sorted[slot - 1] as number) < value) {
      sorted[slot] = sorted[slot - 1] as number
      slot--
    }
    sorted[slot] = value
  }
  return sorted[majoritySize(count) - 1] as number
}

/** The highest number that both majorities acknowledged; 0 for an empty membership. */
export function jointAcknowledged(conf: ConfState, of: Acknowledged): number {
  const incoming = majorityAcknowledged(conf.voters, of)
  const outgoing = majorityAcknowledged(conf.votersOutgoing, of)
  const both = Math.min(incoming, outgoing)
  return both === unbounded ? 0 : both
}

/** Missing in `votes`: not heard yet. Each voter counts once; others do not count. */
export function majorityVotes(
  voters: readonly NodeId[],
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  let granted = 0
  let missing = 0
  for (const voter of voters) {
    const vote = votes.get(voter)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = voters.length === 0 ? 0 : majoritySize(voters.length)
  if (granted >= needed) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}

export function jointVotes(conf: ConfState, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (conf.voters.length === 0 && conf.votersOutgoing.length === 0) return 'lost'
  const incoming = majorityVotes(conf.voters, votes)
  const outgoing = majorityVotes(conf.votersOutgoing, votes)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}
