// A member whose log has lost entries that it may have acknowledged. Counterpart: none in etcd, which
// refuses to start; protocol-aware recovery (Alagappan et al., FAST 18) is the idea: the others have what
// is gone, and only the protocol knows what may be taken from them without breaking a promise.
//
// What it acknowledged may be committed by its word, so it must not help to elect a leader that lacks
// it. It is silent in every election, as if it were down with the lost disk, until all it can have
// acknowledged (`floor`) is committed and durable here again. Nobody else is elected without one of
// those who made the lost entries committed; hence the leader that repairs it has them. It follows
// meanwhile, and what it stores and acknowledges anew counts, for that is on its disk.
//
// - Its commit index is trusted only as far as the state machine has applied: what is behind may have
//   been replaced by entries that are among the lost. For the same reason it takes a commit index only
//   along with entries that match, never from a heartbeat, which rests on acknowledgements of before.
// - Whatever it rejects carries `lost`: the leader may count on an index that is gone, would take the
//   rejection for a stale one, and never feed it again.
// - Following a leader takes the vote of that term, if it is not given: one vote less to go wrong.
// - The term of its first entry may be unknown. It is that of an applied entry, so it is the same in
//   every leader's log, and the first who names it is right.

import { assert } from '../../platform/errors.js'
import type { CoreState } from './state.js'
import { logIndex, type Message, type NodeId, noNode } from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

export function isDamaged(core: CoreState): boolean {
  return core.floor > 0
}

/** Whole once a leader has brought back all that was lost, and it is on disk. */
export function mendIfWhole(core: CoreState): void {
  if (core.floor === 0 || core.log.startTermUnknown) return
  if (core.log.commit < core.floor || core.log.stable < core.floor) return
  assert(core.role === 'follower', 'a damaged member only follows')
  core.floor = logIndex(0)
}

/** A damaged member has nothing better to do with it. */
export function takeVoteFor(core: CoreState, leader: NodeId): void {
  if (core.vote === noNode) core.voteFor(leader)
}

/** A leader names the term of the entry that the log starts behind. */
export function learnStart(core: CoreState, message: Of<'appendRequest'>): void {
  const { log } = core
  if (!log.startTermUnknown) return
  const { prevIndex, prevTerm, entries } = message
  const named =
    prevIndex === log.start ? prevTerm : (entries[log.start - prevIndex - 1]?.term ?? null)
  if (named !== null && named > 0) log.learnStartTerm(named)
}
