// What a node starts from: the log that was recovered, and the state machine's own durable state,
// which must fit together. Counterpart: the bootstrap of etcd's server. A log and a state that do not
// fit are refused with the reason; guessing here would break what was promised before.

import type { RaftState } from './core/config.js'
import type { ConfState, LogIndex, NodeId, SnapshotMeta } from './core/types.js'
import { logIndex, noNode, term } from './core/types.js'
import type { RaftNodeError } from './node-types.js'
import { raftNodeError } from './node-types.js'
import type { Recovered } from './storage/log.js'

export interface InitialState {
  readonly state: RaftState
  /** To be written to the log before the node takes part. */
  readonly install: SnapshotMeta | null
}

/** `founders`: who makes up a new cluster; nobody for a node that joins one. */
export function initialState(
  recovered: Recovered,
  founders: readonly NodeId[],
  applied: LogIndex,
): InitialState | RaftNodeError {
  const { hardState, snapshot, entries, restoring, fresh } = recovered
  const last = snapshot.index + entries.length
  if (restoring !== null && restoring.index === applied && restoring.index > snapshot.index) {
    const known =
      restoring.index <= last ? entries[restoring.index - snapshot.index - 1] : undefined
    // The state machine had taken the snapshot over when a crash kept the marker from the log.
    if (known?.term !== restoring.term) return restored(recovered, restoring)
  }
  // Nothing but the first membership was ever in it: a crash before that was durable.
  if (fresh || snapshot.confState.voters.length === 0) {
    if (applied > 0)
      return raftNodeError(
        'start-failed',
        'not-applied',
        `the log is empty but the state has applied entry ${applied}; one of them was lost`,
      )
    const first = { index: logIndex(0), term: term(0), confState: firstMembership(founders) }
    // A node that joins learns the membership with its first snapshot.
    const install = founders.length === 0 ? null : first
    return { state: { hardState, snapshot: first, entries }, install }
  }
  if (applied < snapshot.index)
    return raftNodeError(
      'start-failed',
      'not-applied',
      `the state has applied entry ${applied}, but the log begins behind entry ${snapshot.index}; ` +
        'the state was lost and this member must be replaced',
    )
  if (applied > last)
    return raftNodeError(
      'start-failed',
      'not-applied',
      `the state has applied entry ${applied}, but the log ends with entry ${last}; ` +
        'the log was lost and this member must be replaced',
    )
  return { state: { hardState, snapshot, entries }, install: null }
}

function restored({ hardState }: Recovered, snapshot: SnapshotMeta): InitialState {
  const commit = snapshot.index
  // The term in which the snapshot was sent may not have reached the disk with it.
  const current =
    hardState.term >= snapshot.term
      ? { ...hardState, commit }
      : { term: snapshot.term, vote: noNode, commit }
  return { state: { hardState: current, snapshot, entries: [] }, install: snapshot }
}

function firstMembership(members: readonly NodeId[]): ConfState {
  const voters = [...new Set(members)].sort((a, b) => a - b)
  return { voters, votersOutgoing: [], learners: [], learnersNext: [] }
}

/** Of the proposals of this node that its log still holds; 0 for none. */
export function highestSequence({ entries }: Recovered, id: NodeId): number {
  let highest = 0
  for (const entry of entries)
    if (entry.origin === id && entry.sequence > highest) highest = entry.sequence
  return highest
}
