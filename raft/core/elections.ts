// Leader election, section 5.2 and 5.4.1, with PreVote and CheckQuorum (thesis 9.6 and 6.2) and
// leadership transfer (thesis 3.10). Counterpart: become*, campaign and Step of etcd-io/raft.
//
//       timeout, leader gone     quorum would vote        quorum voted
//   follower ───────────> preCandidate ────────────> candidate ──────────> leader
//      ^                       │ └── transfer: straight to candidate         │
//      └───────────────────────┴── higher term, lost, or quorum not heard ───┘

import { assert, must } from '../../platform/errors.js'
import { isDamaged } from './damage.js'
import { hasPromised, resetLease } from './lease.js'
import { entryBytes } from './log.js'
import { appendOwn } from './proposals.js'
import { refuseForwardedReads, refuseHeldReads } from './read-index.js'
import { countSelf, handOver, heartbeatTick } from './replication.js'
import type { CoreState } from './state.js'
import {
  type Entry,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  noNode,
  noTerm,
  type Term,
  term,
} from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

const nothing = new Uint8Array(0)

// ---- roles ----

export function becomeFollower(core: CoreState, newTerm: Term, leader: NodeId): void {
  const wasLeader = core.role === 'leader'
  const oldLeader = core.leader
  core.role = 'follower'
  if (newTerm > core.term) core.enterTerm(newTerm, noNode)
  else core.leader = noNode
  core.goneLeader = noNode
  clearTerm(core)
  if (leader !== noNode) core.follow(leader)
  if (wasLeader) refuseHeldReads(core)
  if (oldLeader !== leader) refuseForwardedReads(core)
}

/** Asks whether a campaign would succeed; changes neither term nor vote. */
function becomePreCandidate(core: CoreState): void {
  assert(core.role !== 'leader', 'a leader does not campaign')
  core.role = 'preCandidate'
  core.leader = noNode
  clearTerm(core)
  refuseForwardedReads(core)
  core.votes.set(core.id, true)
}

/** The own vote counts once it is durable: `countOwnVote`. */
function becomeCandidate(core: CoreState): void {
  assert(core.role !== 'leader', 'a leader does not campaign')
  core.role = 'candidate'
  core.enterTerm(term(core.term + 1), core.id)
  clearTerm(core)
  refuseForwardedReads(core)
}

function becomeLeader(core: CoreState): void {
  assert(core.role === 'candidate', 'only a candidate becomes leader')
  assert(core.vote === core.id, 'a leader has voted for itself')
  core.role = 'leader'
  core.follow(core.id)
  clearTerm(core)
  const { log, tracker } = core
  tracker.reset(logIndex(log.last + 1))
  tracker.ownMatch = log.stable
  core.uncommittedBytes = 0
  for (let index = log.commit + 1; index <= log.last; index++) {
    core.uncommittedBytes += entryBytes(log.at(logIndex(index)))
  }
  // Section 8: an entry of its own term tells a leader which earlier ones are committed.
  appendOwn(core, 'noop', core.id, 0, nothing)
  // Some entry before it may be a membership change; none other until it is applied, and until
  // nothing of an earlier term can be committed beside it.
  core.pendingConfIndex = log.last
}

function clearTerm(core: CoreState): void {
  core.electionElapsed = 0
  core.heartbeatElapsed = 0
  core.drawElectionTimeout()
  core.votes.clear()
  core.transferee = noNode
  resetLease(core)
  core.sendDue = false
  core.heartbeatDue = false
}

// ---- time ----

export function tickElection(core: CoreState): void {
  core.electionElapsed++
  if (core.electionElapsed < core.electionTimeout || !isPromotable(core)) return
  preCampaign(core)
}

export function tickLeader(core: CoreState): void {
  core.electionElapsed++
  core.heartbeatElapsed++
  if (core.electionElapsed >= core.config.electionTicks) {
    core.electionElapsed = 0
    core.transferee = noNode
    // Thesis 6.2: cut off from a quorum, it only misleads its clients.
    if (!core.tracker.takeQuorumActive()) {
      becomeFollower(core, core.term, noNode)
      return
    }
  }
  if (core.heartbeatElapsed >= core.config.heartbeatTicks) {
    core.heartbeatElapsed = 0
    heartbeatTick(core)
  }
}

// ---- campaigns ----

/**
 * A voter whose log is complete and undamaged. With a membership change committed but not applied it does not
 * know yet whom to ask.
 */
export function isPromotable(core: CoreState): boolean {
  if (!core.tracker.isVoter(core.id) || core.log.installing || isDamaged(core)) return false
  // Its vote for itself would have to wait behind a write that does not return.
  if (core.storing.isStalled(core.ticks, 2 * core.config.electionTicks)) return false
  const { confChanges } = core.log
  for (let at = confChanges.length - 1; at >= 0; at--) {
    const { index } = confChanges[at] as Entry
    if (index <= core.applied) return true
    if (index <= core.commit) return false
  }
  return true
}

export function preCampaign(core: CoreState): void {
  becomePreCandidate(core)
  if (core.tracker.tally(core.votes) === 'won') campaign(core, false)
  else requestVotes(core, true, false)
}

function campaign(core: CoreState, force: boolean): void {
  becomeCandidate(core)
  requestVotes(core, false, force)
}

/** Those that did not answer: they may have disregarded the question, for they still heard a leader then. */
export function askAgain(core: CoreState): void {
  assert(core.role === 'preCandidate', 'only a question that changes nothing is repeated')
  requestVotes(core, true, false)
}

function requestVotes(core: CoreState, preVote: boolean, force: boolean): void {
  for (const progress of core.tracker.peers) {
    if (!core.tracker.isVoter(progress.id) || core.votes.has(progress.id)) continue
    const request: Message = {
      kind: 'voteRequest',
      from: core.id,
      to: progress.id,
      term: preVote ? term(core.term + 1) : core.term,
      preVote,
      lastIndex: core.log.last,
      lastTerm: core.log.lastTerm,
      force,
      commit: core.commit,
      commitTerm: commitTerm(core),
    }
    // A real request says that this node voted for itself, so that must be durable first.
    if (preVote) core.send(request)
    else core.sendWhenDurable(request)
  }
}

/** After every write: the vote for itself may have become durable with it. */
export function countOwnVote(core: CoreState): void {
  const { durableTerm, durableVote } = core.storing
  if (core.role !== 'candidate' || durableTerm !== core.term || durableVote !== core.id) return
  if (!core.votes.has(core.id)) countVote(core, core.id, true)
}

export function handleVoteResponse(core: CoreState, message: Of<'voteResponse'>): void {
  learnCommit(core, message.commit, message.commitTerm)
  if (core.role !== (message.preVote ? 'preCandidate' : 'candidate')) return
  const expected = message.preVote && message.granted ? core.term + 1 : core.term
  if (message.term !== expected) return
  countVote(core, message.from, message.granted)
}

function countVote(core: CoreState, from: NodeId, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted)
  const result = core.tracker.tally(core.votes)
  if (result === 'lost') becomeFollower(core, core.term, noNode)
  if (result !== 'won') return
  if (core.role === 'preCandidate') campaign(core, false)
  else if (core.votes.get(core.id) === true || !core.tracker.isVoter(core.id)) {
    becomeLeader(core)
    countSelf(core)
  }
}

// ---- votes ----

/** Sections 5.2 and 5.4.1. The term of a real request is the current one when this is called. */
export function handleVoteRequest(core: CoreState, message: Of<'voteRequest'>): void {
  learnCommit(core, message.commit, message.commitTerm)
  const free =
    core.vote === message.from ||
    (core.vote === noNode && core.leader === noNode && (message.force || !hasPromised(core))) ||
    (message.preVote && message.term > core.term)
  const granted = free && core.log.isUpToDate(message.lastIndex, message.lastTerm)
  if (message.preVote) {
    answerVote(core, message, granted)
    return
  }
  if (granted) {
    core.electionElapsed = 0
    core.voteFor(message.from)
  }
  answerVote(core, message, granted)
}

/** A promise of a preVote is for the term asked about; everything else speaks of the own term. */
export function answerVote(core: CoreState, message: Of<'voteRequest'>, granted: boolean): void {
  const response: Message = {
    kind: 'voteResponse',
    from: core.id,
    to: message.from,
    term: message.preVote && granted ? message.term : core.term,
    preVote: message.preVote,
    granted,
    commit: core.commit,
    commitTerm: commitTerm(core),
  }
  if (message.preVote) core.send(response)
  else core.sendWhenDurable(response)
}

/**
 * What is committed once is so for good, whoever tells it; index and term show that it is the same
 * entry. Without this a membership change that only some know to be committed could leave two voters
 * neither of which can be elected: the one lacks entries, the other asks the old members.
 */
function learnCommit(core: CoreState, index: LogIndex, entryTerm: Term): void {
  if (core.role === 'leader' || index <= core.commit) return
  if (!core.log.matches(index, entryTerm)) return
  core.log.commitTo(index)
  // It may have asked the wrong ones.
  if (core.role !== 'follower' && !isPromotable(core)) becomeFollower(core, core.term, noNode)
}

function commitTerm(core: CoreState): Term {
  return must(core.log.termAt(core.commit), 'the term of the commit index is known')
}

// ---- transfer ----

export function transferLeadership(core: CoreState, target: NodeId): void {
  if (core.role === 'leader') {
    beginTransfer(core, target)
    return
  }
  if (core.leader === noNode) return
  core.send({
    kind: 'transferLeaderRequest',
    from: core.id,
    to: core.leader,
    term: core.term,
    transferee: target,
  })
}

/** By the will of this node, and not for another: all others that can come before it. */
export function stepDown(core: CoreState): void {
  if (core.role !== 'leader') return
  becomeFollower(core, core.term, noNode)
  core.electionTimeout = 2 * core.config.electionTicks - 1
}

/** Ends when another leads, or after an election timeout; until then proposals are refused. */
export function beginTransfer(core: CoreState, target: NodeId): void {
  if (core.role !== 'leader' || target === core.id || target === core.transferee) return
  const progress = core.tracker.progressOf(target)
  if (progress === undefined || !core.tracker.isVoter(target)) return
  core.transferee = target
  core.electionElapsed = 0
  handOver(core, progress)
}

/** The leader asks this node to take over at once, lease or not. */
export function handleTimeoutNow(core: CoreState, message: Of<'timeoutNow'>): void {
  if (core.role !== 'follower' || core.leader !== message.from) return
  if (!core.tracker.isVoter(core.id)) return
  core.takeOverTerm = core.term
  core.takeOverUntil = core.ticks + core.config.electionTicks
  takeOverIfDue(core)
}

/** It may first have to apply the very change that removes the leader who asked. */
export function takeOverIfDue(core: CoreState): void {
  if (core.takeOverTerm !== core.term || core.ticks >= core.takeOverUntil) return
  if (core.role !== 'follower' || !isPromotable(core)) return
  core.takeOverTerm = noTerm
  campaign(core, true)
}
