// What a follower does that knows more than silence: the process that leads has ended, for its links are
// closed and nobody listens at its address. An election timeout would tell it nothing more. The paper
// has no counterpart: there a leader is lost by silence alone.
//
//   peerGone ─> no reason to refuse others ─> campaignEarly ─> pre-vote of a quorum that knows it too
//                      │                            └─ asks again those that did not answer
//                      └─ forgotten: anything is heard from it, or another term begins
//
// What makes it safe:
// - Votes and logs keep Raft safe, whenever a campaign begins. What was told may be wrong, as when
//   something in between refuses connections: that costs an election, and only where a quorum has it wrong.
// - Leases rest on not voting for an election timeout. With them nothing here has any effect.
//
// All survivors know it at about the same moment, and no timeout drawn by lot keeps their campaigns
// apart. They meet in the pre-vote, where one gives way: see `giveWay`.

import { askAgain, becomeFollower, isPromotable, preCampaign } from './elections.js'
import type { CoreState } from './state.js'
import { type Message, type NodeId, noNode } from './types.js'

/** True when it is the leader who is gone, and others may be elected for it. */
export function noteGone(core: CoreState, peer: NodeId): boolean {
  if (core.config.leaseReads !== undefined) return false
  if (core.role !== 'follower' || core.leader === noNode || core.leader !== peer) return false
  core.goneLeader = peer
  return true
}

/** It speaks, so it is there. */
export function noteHeard(core: CoreState, from: NodeId): void {
  if (core.goneLeader === from) core.goneLeader = noNode
}

/** False when there is no reason for it any more. */
export function campaignEarly(core: CoreState): boolean {
  if (core.goneLeader === noNode) return false
  if (core.role === 'preCandidate') askAgain(core)
  else if (isPromotable(core)) preCampaign(core)
  return core.goneLeader !== noNode
}

/**
 * Of two that ask each other one goes on: the one whose log is longer, or else whose id is lower. The
 * other has just granted it the pre-vote, and leaves the rest to it and to the election timeout. A link keeps
 * order: what the first asks arrives before what it grants, so the second is no candidate by then, and
 * were it to ask again, what was granted before would make it one.
 */
export function giveWay(
  core: CoreState,
  { preVote, term, from, lastIndex, lastTerm }: Extract<Message, { kind: 'voteRequest' }>,
): void {
  const { log } = core
  if (core.role !== 'preCandidate' || core.goneLeader === noNode) return
  if (!preVote || term <= core.term || !log.isUpToDate(lastIndex, lastTerm)) return
  const isEqual = lastIndex === log.last && lastTerm === log.lastTerm
  if (isEqual && from > core.id) return
  becomeFollower(core, core.term, noNode)
}
