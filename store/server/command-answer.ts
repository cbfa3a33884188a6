// What became of a command, as the answer to the client that asked for it.

import { InvariantViolation, unreachable } from '../../platform/errors.js'
import type { CommandResult } from '../core/command.js'
import type { Answer } from '../protocol.js'

type Done = Extract<CommandResult, { readonly ok: true }>

export function answerOf(result: Done, id: number): Answer {
  switch (result.kind) {
    case 'leaseCheckpoint':
    case 'quota':
    case 'hash':
    case 'member':
      throw new InvariantViolation(`no client can ask for a command of the kind ${result.kind}`)
    // The usual ones as literals, as in `named` of service.ts.
    case 'put':
      return { kind: 'put', id, response: result.response }
    case 'txn':
      return { kind: 'txn', id, response: result.response }
    case 'deleteRange':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'auth':
    case 'alarm':
    case 'openSession':
      return { ...result, id }
    case 'cluster':
      return { ...result, kind: 'clusterVersion', id }
    default:
      return unreachable(result)
  }
}
