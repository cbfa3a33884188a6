// What a node starts from: the log that was recovered, and the state machine's own durable state,
// which must fit together. Counterpart: the bootstrap of etcd's server.
//
//   state   log                              what follows
//   whole   whole                            the node goes on
//   whole   damaged, term and vote are known it follows silently until a leader brought it back
//   lost    whole, but begins behind it      the same: what it promised is in the log, and a leader gives
//                                            it a snapshot in place of both
//   whole   lost                             refused: nobody knows what it promised. Replace the member
//   lost    begins behind it, no peers       refused: nobody has what is gone
//
// Both lost looks like a new member; that is why an id is never used for a second machine. Refused is
// refused with the reason; guessing here would break what was promised before.

import type { DamagedState, RaftState } from './core/config.js'
import type { ConfState, LogIndex, NodeId, SnapshotMeta, Term } from './core/types.js'
import { logIndex, noNode, term } from './core/types.js'
import type { RaftNodeError } from './node-types.js'
import { raftNodeError } from './node-types.js'
import type { Recovered } from './storage/log.js'
import type { Damage } from './storage/payload.js'

export interface InitialState {
  readonly state: RaftState
  /** What the core takes for applied. */
  readonly applied: LogIndex
  /** To be written to the log before the node takes part. */
  readonly install: SnapshotMeta | null
  /** The state is lost: to be declared in the log before the node takes part. */
  readonly damage: Damage | null
}

/** `founders`: who makes up a new cluster; nobody for a node that joins one. */
export function initialState(
  recovered: Recovered,
  self: NodeId,
  founders: readonly NodeId[],
  applied: LogIndex,
): InitialState | RaftNodeError {
  const { hardState, snapshot, entries, restoring, fresh, lastIndex } = recovered
  if (restoring !== null && restoring.index === applied && restoring.index > snapshot.index) {
    // The state machine had taken the snapshot over when a crash kept the marker from the log.
    if (termAt(recovered, restoring.index) !== restoring.term) return restored(recovered, restoring)
  }
  const nobody = snapshot.confState.voters.length === 0
  // A first membership that is written now would take the place of all that is in the log.
  if (nobody && (lastIndex > 0 || recovered.damaged !== null))
    return refused(
      'the log does not say any more who the first members were; this member must be replaced',
    )
  // Nothing but the first membership was ever in it: a crash before that was durable.
  if (fresh || nobody) {
    if (applied > 0)
      return refused(
        `the log is empty but the state has applied entry ${applied}; one of them was lost`,
      )
    const first = { index: logIndex(0), term: term(0), confState: firstMembership(founders) }
    // A node that joins learns the membership with its first snapshot.
    const install = founders.length === 0 ? null : first
    return { state: { hardState, snapshot: first, entries }, applied, install, damage: null }
  }
  if (applied < snapshot.index && hasPeers(snapshot.confState, self))
    return withoutState(recovered, applied)
  if (applied < snapshot.index)
    return refused(
      `the state has applied entry ${applied}, but the log begins behind entry ${snapshot.index}; ` +
        'the state was lost, and there is no peer that could bring it back',
    )
  if (applied > lastIndex)
    return refused(
      `the state has applied entry ${applied}, but the log ends with entry ${lastIndex}; ` +
        'the log was lost and this member must be replaced',
    )
  return { state: stateOf(recovered), applied, install: null, damage: null }
}

/**
 * As if all of the log were lost, but for the term and the vote: until a leader has brought back state
 * and log up to its end, the member helps nobody to be elected. What it acknowledged meanwhile stands
 * in the declared damage, should it crash in the middle.
 */
function withoutState(recovered: Recovered, applied: LogIndex): InitialState {
  const { hardState, snapshot, lastIndex, damaged } = recovered
  const floor = logIndex(Math.max(lastIndex, damaged?.floor ?? 0))
  const reason =
    `the state has applied entry ${applied}, but the log begins behind entry ${snapshot.index}; ` +
    'the state was lost, and a snapshot will take its place'
  return {
    state: {
      hardState: { ...hardState, commit: logIndex(0) },
      snapshot: { index: logIndex(0), term: term(0), confState: snapshot.confState },
      entries: [],
      damaged: { floor },
    },
    applied: logIndex(0),
    install: null,
    damage: { floor, reason },
  }
}

function hasPeers({ voters, votersOutgoing }: ConfState, self: NodeId): boolean {
  return [...voters, ...votersOutgoing].some(id => id !== self)
}

function stateOf(recovered: Recovered): RaftState {
  const { hardState, snapshot, entries, entriesAfter, termRuns, confChanges } = recovered
  const damaged = damageOf(recovered)
  return { hardState, snapshot, entries, entriesAfter, termRuns, confChanges, damaged }
}

function damageOf({ damaged }: Recovered): DamagedState | null {
  return damaged === null ? null : { floor: damaged.floor }
}

function refused(reason: string): RaftNodeError {
  return raftNodeError('start-failed', 'not-applied', reason)
}

/** Null for what is not in the log. */
function termAt(recovered: Recovered, index: LogIndex): Term | null {
  const { snapshot, entries, entriesAfter, termRuns } = recovered
  const before = entriesAfter?.index ?? snapshot.index
  if (index > before) return entries[index - before - 1]?.term ?? null
  return termRuns.findLast(({ from }) => from <= index)?.term ?? null
}

function restored(recovered: Recovered, snapshot: SnapshotMeta): InitialState {
  const { hardState } = recovered
  const damaged = damageOf(recovered)
  const commit = snapshot.index
  // The term in which the snapshot was sent may not have reached the disk with it.
  const current =
    hardState.term >= snapshot.term
      ? { ...hardState, commit }
      : { term: snapshot.term, vote: noNode, commit }
  return {
    state: { hardState: current, snapshot, entries: [], damaged },
    applied: snapshot.index,
    install: snapshot,
    damage: null,
  }
}

function firstMembership(members: readonly NodeId[]): ConfState {
  const voters = [...new Set(members)].sort((a, b) => a - b)
  return { voters, votersOutgoing: [], learners: [], learnersNext: [] }
}
