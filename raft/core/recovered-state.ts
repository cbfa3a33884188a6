// What a node starts from: the state that was read from disk, and how much of it is to be believed.
// Counterpart: newRaft of etcd-io/raft. A state that contradicts itself is an InvariantViolation.

import { assert } from '../../platform/errors.js'
import type { RaftConfig, RaftState } from './config.js'
import { isDamaged, mendIfWhole } from './damage.js'
import { promise } from './lease.js'
import { RaftLog } from './log.js'
import { applyConfChanges } from './membership.js'
import { CoreState } from './state.js'
import { type Entry, type HardState, type LogIndex, logIndex, noNode } from './types.js'

/** `appliedIndex` is that of the state machine: what was applied is committed. */
export function recoverCore(
  config: RaftConfig,
  state: RaftState,
  appliedIndex: LogIndex,
): CoreState {
  checkConfig(config)
  const { hardState, snapshot, entries, entriesAfter } = state
  assert(
    (entriesAfter?.index ?? 0) <= appliedIndex,
    'what is still to be applied is in memory at a start',
  )
  assert(appliedIndex >= snapshot.index, 'the log starts no later than the applied state ends')
  const log = new RaftLog(snapshot, entries, knownCommit(state, appliedIndex), appliedIndex, state)
  const core = new CoreState(config, knownHardState(hardState, log), snapshot, log)
  // A start of unknown term makes any candidate seem up to date, whatever is said of damage.
  const floorMin = logIndex(log.startTermUnknown ? 1 : 0)
  core.floor = state.damaged?.floor ?? floorMin
  applyConfChanges(core, appliedIndex)
  core.applied = appliedIndex
  if (isDamaged(core)) mendIfWhole(core)
  promise(core)
  core.shrinkLog()
  return core
}

/**
 * The commit index on disk lags behind, so a restart may forget that a membership is committed and
 * campaign among the voters of two memberships ago, who share no quorum with those of now. A leader
 * proposes no change before the one before is applied: all changes but the last are committed.
 */
function committedByChange(entries: readonly Entry[]): number {
  let committed = 0
  let latest = 0
  for (const { kind, index } of entries) {
    if (kind !== 'confChange') continue
    committed = latest
    latest = index
  }
  return committed
}

/** What was applied is committed; nothing else that a damaged log says of it is trusted. */
function knownCommit(
  { hardState, snapshot, entries, damaged }: RaftState,
  applied: number,
): number {
  const proved = Math.max(applied, snapshot.index)
  const isWhole = damaged === undefined || damaged === null
  return isWhole ? Math.max(proved, hardState.commit, committedByChange(entries)) : proved
}

/** Entries of a term are never handed out before a vote in it, so a lost vote was never told. */
function knownHardState(hardState: HardState, { lastTerm, commit }: RaftLog): HardState {
  const known = logIndex(Math.min(hardState.commit, commit))
  if (lastTerm <= hardState.term) return { ...hardState, commit: known }
  return { term: lastTerm, vote: noNode, commit: known }
}

function checkConfig(config: RaftConfig): void {
  assert(Number.isSafeInteger(config.id) && config.id >= 1, 'a node id is a positive integer')
  assert(config.heartbeatTicks >= 1, 'heartbeatTicks is positive')
  assert(config.electionTicks > config.heartbeatTicks, 'elections take longer than heartbeats')
  assert(config.inflightMessagesMax >= 1, 'inflightMessagesMax is positive')
  assert(config.inflightBytesMax >= 1, 'inflightBytesMax is positive')
  assert(config.entriesBytesMaxPerMessage >= 1, 'entriesBytesMaxPerMessage is positive')
  assert(config.uncommittedBytesMax >= 1, 'uncommittedBytesMax is positive')
  const { cachedBytesMax = 0, leaseReads } = config
  assert(cachedBytesMax >= 0, 'cachedBytesMax is not negative')
  if (leaseReads === undefined) return
  assert(leaseReads.driftTicks >= 1, 'a tick may come a tick late: driftTicks is positive')
  assert(
    leaseReads.driftTicks < config.electionTicks - config.heartbeatTicks,
    'a lease outlives a heartbeat',
  )
}
