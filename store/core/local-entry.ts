// An entry made without Raft, for stores of a single process and for replays in tests.

import { type Entry, logIndex, nodeId, term } from '../../raft/core/types.js'
import { unfinished } from '../../raft/state-machine.js'
import { type Command, type CommandResult, encodeCommands } from './command.js'
import type { Replica } from './replica.js'

/** Entry number `index` of `inTerm` with a batch of commands, as if this node had proposed it. */
export function localEntry(index: number, inTerm: number, commands: readonly Command[]): Entry {
  return {
    term: term(inTerm),
    index: logIndex(index),
    kind: 'normal',
    origin: nodeId(1),
    sequence: index,
    data: encodeCommands(commands),
  }
}

/** Applies an entry in this turn, however long it takes. */
export function applyWhole(replica: Replica, entry: Entry): readonly CommandResult[] {
  for (;;) {
    const results = replica.apply(entry)
    if (results !== unfinished) return results
  }
}
