// Changes of membership on one node, section 6 of the paper and chapter 4 of the thesis: proposed on
// the leader one at a time, in force from the moment they are applied, a joint one left by itself, and
// what a leader does whose own removal is applied. Counterpart: the ConfChange paths of raft.go of
// etcd-io/raft. The mathematics is in conf-change.ts.
//
// In force when applied, where the thesis says when appended: so a membership is always that of a
// committed entry, and never taken back. Two memberships in force at the same time are neighbours all
// the same, whose quorums meet: a leader proposes a change only once it has applied the one before
// and an entry of its own term, and nobody campaigns with a committed change unapplied. It follows that
// all changes in a log but the last are committed, which a restart makes use of.

import { assert } from '../../platform/errors.js'
import {
  applyConfChange,
  type ConfChange,
  decodeConfChange,
  encodeConfChange,
  isEncodable,
  isJoint,
  isSoundConfState,
  isWithoutEffect,
} from './conf-change.js'
import { becomeFollower } from './elections.js'
import { flush } from './feeding.js'
import { askToTakeOver, loseLease } from './lease.js'
import { appendOwn, refuse } from './proposals.js'
import { confirmRounds } from './read-index.js'
import { countSelf } from './replication.js'
import type { CoreState } from './state.js'
import { type LogIndex, logIndex, noNode, type ProposalRefusal } from './types.js'

/** Answered like a proposal: by origin and sequence when applied, or by a refusal. */
export function proposeConfChange(core: CoreState, sequence: number, change: ConfChange): void {
  const reason = refusalOf(core, change)
  if (reason === null) appendConfChange(core, change, sequence)
  else refuse(core, core.id, [sequence], reason)
}

function refusalOf(core: CoreState, change: ConfChange): ProposalRefusal | null {
  if (core.role !== 'leader') return 'not-leader'
  if (core.transferee !== noNode) return 'transferring'
  const { confState } = core.tracker
  if (core.pendingConfIndex > core.applied || isJoint(confState)) return 'change-pending'
  const isValid = isEncodable(change) && !isWithoutEffect(confState, change)
  return isValid ? null : 'change-invalid'
}

function appendConfChange(core: CoreState, change: ConfChange, sequence: number): void {
  appendOwn(core, 'confChange', core.id, sequence, encodeConfChange(change))
  core.pendingConfIndex = core.log.last
}

/** Carries out the changes up to `index`, which are about to count as applied. True when any. */
export function applyConfChanges(core: CoreState, index: LogIndex): boolean {
  const { log, tracker } = core
  const latest = log.confChanges.at(-1)
  if (latest === undefined || latest.index <= core.applied) return false
  let changed = false
  for (const entry of log.confChanges) {
    if (entry.index <= core.applied || entry.index > index) continue
    const confState = applyConfChange(tracker.confState, decodeConfChange(entry.data))
    assert(isSoundConfState(confState), 'a change leads to a sound membership')
    tracker.become(confState, logIndex(log.last + 1))
    core.confStates.push({ index: entry.index, confState })
    changed = true
  }
  return changed
}

/** After changes have come into force: who is a quorum, and who leads, may be others now. */
export function settleMembership(core: CoreState): void {
  if (core.role !== 'leader') return
  const { tracker } = core
  // Who votes no more cannot take over: a transfer to it would only refuse proposals.
  if (!tracker.isVoter(core.transferee)) core.transferee = noNode
  loseLease(core)
  countSelf(core)
  // Who was asked to confirm may be gone, and nobody else to answer.
  confirmRounds(core)
  core.sendDue = true
  if (!tracker.isVoter(core.id)) resign(core)
}

/** Section 6: once the joint membership is applied, its leader goes on to the new one. */
export function leaveJointIfDue(core: CoreState): void {
  if (core.role !== 'leader' || !isJoint(core.tracker.confState)) return
  if (core.pendingConfIndex <= core.applied) appendConfChange(core, [], 0)
}

/**
 * A leader that votes no more tells the others what is committed, or they would learn of the change
 * only from the next leader, and asks the one that is furthest to take over at once.
 */
function resign(core: CoreState): void {
  flush(core)
  let successor = null
  for (const progress of core.tracker.peers) {
    if (!progress.recentActive || !core.tracker.isVoter(progress.id)) continue
    if (successor === null || progress.match > successor.match) successor = progress
  }
  if (successor !== null) askToTakeOver(core, successor.id)
  becomeFollower(core, core.term, noNode)
}
