// Reads that wait for a confirmation: on a leader in rounds of heartbeats, on a follower by the
// leader's answer. Thesis of Ongaro 6.4. Holds data only; the rules are in read-index.ts.
//
//   waiting ──(a round starts, at the commit index of that moment)──> rounds ──(quorum)──> answered

import type { LogIndex, NodeId } from './types.js'

export interface PendingRead {
  readonly from: NodeId
  readonly context: number
}

export interface ReadRound {
  readonly round: number
  /** The commit index when the round started: later than every request in it. */
  readonly index: LogIndex
  readonly reads: readonly PendingRead[]
}

/** Reads that a node holds, waiting or in rounds or forwarded; others are refused. */
export const readsPendingMax = 65_536
/** Rounds under way; reads that come meanwhile wait and share the next one. */
export const roundsUnderWayMax = 8

export class ReadQueue {
  /** The last round started. Never decreases while this instance lives. */
  round = 0
  waiting: PendingRead[] = []
  /** In order of round; all above every confirmed one. */
  rounds: ReadRound[] = []
  /** Reads in `waiting` and `rounds`. */
  count = 0
  /** Own reads sent to the leader, oldest first: context to the tick at which they expire. */
  readonly forwarded = new Map<number, number>()
}
