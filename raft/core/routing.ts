// Where a message goes: malformed ones nowhere, those of a newer term first make this node enter it,
// those of an older one are answered so or dropped, and the rest reaches the rules of its kind.
// Counterpart: Step of etcd-io/raft; "Rules for Servers" of figure 2 of the paper.

import { assert, unreachable } from '../../platform/errors.js'
import { isDamaged, mendIfWhole, takeVoteFor } from './damage.js'
import {
  answerVote,
  becomeFollower,
  beginTransfer,
  handleTimeoutNow,
  handleVoteRequest,
  handleVoteResponse,
} from './elections.js'
import { giveWay, noteHeard } from './gone-leader.js'
import { hasPromised, promise } from './lease.js'
import { handleProposalForward, handleProposalRefused } from './proposals.js'
import { handleReadIndexRequest, handleReadIndexResponse } from './read-index.js'
import {
  answerStaleLeader,
  handleAppendRequest,
  handleAppendResponse,
  handleHeartbeatRequest,
  handleHeartbeatResponse,
  handleSnapshotRequest,
} from './replication.js'
import type { CoreState } from './state.js'
import { type Message, type NodeId, noNode } from './types.js'
import { isWellFormed } from './well-formed.js'

export function step(core: CoreState, message: Message): void {
  if (!isWellFormed(message, core.id)) {
    core.ignoredMessages++
    return
  }
  noteHeard(core, message.from)
  // As if it were down: it does not even enter the term.
  if (message.kind === 'voteRequest' && isDamaged(core)) return
  if (message.term > core.term) {
    if (!enterNewerTerm(core, message)) return
  } else if (message.term < core.term) {
    if (!answerOlderTerm(core, message)) return
  }
  dispatch(core, message)
  if (isDamaged(core)) mendIfWhole(core)
}

/** False when the message is to be disregarded altogether. */
function enterNewerTerm(core: CoreState, message: Message): boolean {
  switch (message.kind) {
    case 'voteRequest':
      // Thesis 4.2.3: who hears from a leader helps nobody to disturb it.
      if ((core.inLease || hasPromised(core)) && !message.force) return false
      if (!message.preVote) becomeFollower(core, message.term, noNode)
      return true
    case 'voteResponse':
      // A promise for the term asked about, in which nobody is yet.
      if (!message.preVote || !message.granted) becomeFollower(core, message.term, noNode)
      return true
    case 'appendRequest':
    case 'heartbeatRequest':
    case 'snapshotRequest':
      becomeFollower(core, message.term, message.from)
      return true
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'readIndexRequest':
    case 'readIndexResponse':
    case 'proposalForward':
    case 'proposalRefused':
    case 'transferLeaderRequest':
    case 'timeoutNow':
      becomeFollower(core, message.term, noNode)
      return true
    default:
      return unreachable(message)
  }
}

/** False when nothing more is to be done. What is bound to no term is dealt with in any. */
function answerOlderTerm(core: CoreState, message: Message): boolean {
  switch (message.kind) {
    case 'appendRequest':
    case 'heartbeatRequest':
    case 'snapshotRequest':
      answerStaleLeader(core, message.from)
      return false
    case 'voteRequest':
      answerVote(core, message, false)
      return false
    case 'proposalForward':
    case 'proposalRefused':
    case 'readIndexRequest':
    case 'readIndexResponse':
      return true
    case 'voteResponse':
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'transferLeaderRequest':
    case 'timeoutNow':
      return false
    default:
      return unreachable(message)
  }
}

function dispatch(core: CoreState, message: Message): void {
  switch (message.kind) {
    case 'appendRequest':
      hearLeader(core, message.from)
      return handleAppendRequest(core, message)
    case 'heartbeatRequest':
      hearLeader(core, message.from)
      return handleHeartbeatRequest(core, message)
    case 'snapshotRequest':
      hearLeader(core, message.from)
      return handleSnapshotRequest(core, message)
    case 'appendResponse':
      if (core.role === 'leader') handleAppendResponse(core, message)
      return
    case 'heartbeatResponse':
      if (core.role === 'leader') handleHeartbeatResponse(core, message)
      return
    case 'voteRequest':
      handleVoteRequest(core, message)
      return giveWay(core, message)
    case 'voteResponse':
      return handleVoteResponse(core, message)
    case 'readIndexRequest':
      return handleReadIndexRequest(core, message)
    case 'readIndexResponse':
      return handleReadIndexResponse(core, message)
    case 'proposalForward':
      return handleProposalForward(core, message)
    case 'proposalRefused':
      return handleProposalRefused(core, message)
    case 'transferLeaderRequest':
      return beginTransfer(core, message.transferee)
    case 'timeoutNow':
      return handleTimeoutNow(core, message)
    default:
      return unreachable(message)
  }
}

/** Section 5.2: whoever still campaigns in this term has lost. */
function hearLeader(core: CoreState, leader: NodeId): void {
  assert(core.role !== 'leader', 'at most one leader a term')
  if (core.role !== 'follower') becomeFollower(core, core.term, leader)
  core.electionElapsed = 0
  core.follow(leader)
  promise(core)
  if (isDamaged(core)) takeVoteFor(core, leader)
}
