// One entry of the log on its way into the state: its commands in order, each applied whole or refused.
// Counterpart: etcd's applierV3.

import type { Entry } from '../../raft/core/types.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { applyCommand, type Command, type CommandResult, decodeCommands } from './command.js'
import { StoreError } from './errors.js'
import type { Sliced } from './sliced.js'
import { checkCommand } from './validate.js'

/** What it throws leaves a state that nobody may write or serve any more. */
export function* applyEntry(
  state: AppliedState,
  entry: Entry,
  context: EntryContext,
): Sliced<readonly CommandResult[]> {
  if (entry.kind === 'confChange') noteConfChange(state, entry)
  if (entry.kind !== 'normal') return []
  let commands: readonly Command[]
  try {
    commands = decodeCommands(entry.data)
  } catch (error) {
    if (error instanceof StoreError) return [{ ok: false, error }]
    throw error
  }
  const results: CommandResult[] = []
  for (const command of commands) {
    try {
      checkCommand(command)
      const applied = applyCommand(state, command, context)
      // Most commands are short, and there are very many of them.
      results.push('ok' in applied ? applied : yield* applied)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      results.push({ ok: false, error })
    }
  }
  return results
}

/** The change is in force whatever becomes of what is known beside it. */
function noteConfChange({ members }: AppliedState, entry: Entry): void {
  try {
    members.noteConfChange(entry.data)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
  }
}
