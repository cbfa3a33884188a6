// What holds in every state of one node, as a list of sentences that run in production. What holds
// between two states (term, commit and applied never decrease) is asserted where they change;
// what holds between nodes is checked by the simulation. Counterpart: checkBasic of LogCabin.

import { assert, must } from '../../platform/errors.js'
import type { CoreState } from './state.js'
import { noNode } from './types.js'

/** Costs a few comparisons and some per member, never per entry. */
export function checkInvariants(core: CoreState): void {
  const { log, storing } = core
  log.check()
  assert(core.applied <= log.delivered, 'applied <= delivered')
  assert(log.installing || log.start <= core.applied, 'start <= applied once installed')
  assert(log.lastTerm <= core.term, 'no entry is of a later term than the node')
  assert(storing.durableTerm <= storing.handed.term, 'durable term <= handed term')
  assert(storing.handed.term <= core.term, 'handed term <= term')
  assert(storing.handed.commit <= log.commit, 'handed commit <= commit')
  const { index } = must(core.confStates.at(-1), 'the membership is known')
  assert(log.installing || index <= core.applied, 'a membership in force is applied')
  assert(isMemoryBounded(core), 'what may be left to the disk is, beyond the limit')
  assert(core.floor === 0 || core.role === 'follower', 'a damaged member only follows')
  assert(
    knowsGoneLeader(core),
    'a gone leader is the one of this term, and nobody rests a lease on it',
  )
  assert(core.floor > 0 || !log.startTermUnknown, 'a whole log knows where it starts')
  switch (core.role) {
    case 'leader':
      checkLeader(core)
      return
    case 'candidate':
      assert(core.vote === core.id, 'a candidate votes for itself')
      assert(core.leader === noNode, 'a candidate knows no leader')
      return
    case 'preCandidate':
      assert(core.leader === noNode, 'a preCandidate knows no leader')
      return
    case 'follower':
      assert(core.leader !== core.id, 'a follower does not follow itself')
  }
}

function knowsGoneLeader({ role, leader, goneLeader, config }: CoreState): boolean {
  if (goneLeader === noNode) return true
  if (config.leaseReads !== undefined) return false
  return role === 'preCandidate' || (role === 'follower' && leader === goneLeader)
}

function isMemoryBounded({ log, applied, config: { cachedBytesMax } }: CoreState): boolean {
  if (cachedBytesMax === undefined || log.cachedBytes <= cachedBytesMax) return true
  return log.cachedAfter >= Math.min(applied, log.stable)
}

function checkLeader(core: CoreState): void {
  assert(core.leader === core.id, 'a leader follows itself')
  assert(core.vote === core.id, 'a leader has voted for itself')
  assert(core.storing.durableTerm === core.term, 'a leader leads in a durable term')
  assert(!core.log.installing, 'a leader has its log')
  assert(core.tracker.ownMatch <= core.log.stable, 'a leader counts only what is durable here')
  assert(core.log.lastTerm === core.term, 'a leader has an entry of its term')
  assert(core.pendingConfIndex <= core.log.last, 'a pending change is in the log')
  assert(
    core.transferee === noNode || core.tracker.isVoter(core.transferee),
    'only a voter can take over',
  )
  for (const progress of core.tracker.peers) {
    progress.check()
    assert(progress.match <= core.log.last, 'match <= last')
    assert(progress.next <= core.log.last + 1, 'next <= last + 1')
  }
  assert(core.reads.rounds.length === 0 || core.committedInTerm, 'reads wait for the own commit')
}
