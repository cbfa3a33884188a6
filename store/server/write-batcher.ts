// Writes of all links, gathered while one turn of the event loop lasts and proposed as one entry of
// the log. What bounds it: commands and bytes of an entry, and of all that is not answered yet.

import { type RaftsmanError, assert, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Replica as Raft } from '../../raft/index.js'
import type { AuthChange } from '../core/auth/auth-change.js'
import { encodeCommands } from '../core/command.js'
import type { Command, CommandResult } from '../core/command.js'
import { tooManyRequests } from './service-errors.js'

const entryCommandsMax = 1_024
/** Puts, deletions and so on, those in transactions included: an entry is applied in one go. */
const entryOperationsMax = 2_048
const entryBytesMax = 1024 * 1024

export const pendingCommandsMax = 131_072
export const pendingBytesMax = 256 * 1024 * 1024

/** Whom to tell; `token` is its own name for the command. */
export interface WriteOrigin {
  written(token: number, result: CommandResult): void
  /** Also when it is not known whether the command took effect: see the error's outcome. */
  notWritten(token: number, error: RaftsmanError): void
}

interface Pending {
  readonly command: Command
  readonly bytes: number
  readonly operations: number
  readonly origin: WriteOrigin
  readonly token: number
}

export class WriteBatcher {
  readonly #raft: Raft
  readonly #clock: Clock
  readonly #admit: (command: Command) => Command
  #turn: Pending[] = []
  #scheduled = false
  /** Proposals that came to nothing, or of which nobody knows; a batch counts once. */
  failed = 0
  #commands = 0
  #bytes = 0

  /** `admit` answers the form in which a command may stand in the log, and throws where it may not yet. */
  constructor(raft: Raft, clock: Clock, admit: (command: Command) => Command) {
    this.#raft = raft
    this.#clock = clock
    this.#admit = admit
  }

  /** Commands submitted and not answered. */
  get pending(): number {
    return this.#commands
  }

  /** Nothing has been submitted in this turn yet. */
  get turnIsNew(): boolean {
    return this.#turn.length === 0
  }

  /**
   * Answers later, exactly once. Throws `too-many-requests` when too much is under way, and what
   * `admit` throws.
   */
  submit(command: Command, origin: WriteOrigin, token: number): void {
    const bytes = commandBytes(command)
    if (this.#commands >= pendingCommandsMax || this.#bytes + bytes > pendingBytesMax) {
      throw tooManyRequests()
    }
    const admitted = this.#admit(command)
    this.#commands += 1
    this.#bytes += bytes
    const operations = command.kind === 'txn' ? operationsOf(command.request) : 1
    this.#turn.push({ command: admitted, bytes, operations, origin, token })
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => this.#cut())
  }

  #cut(): void {
    this.#scheduled = false
    const turn = this.#turn
    this.#turn = []
    let from = 0
    let bytes = 0
    let operations = 0
    for (const [at, next] of turn.entries()) {
      const tooMuch =
        bytes + next.bytes > entryBytesMax ||
        operations + next.operations > entryOperationsMax ||
        at - from === entryCommandsMax
      if (at > from && tooMuch) {
        this.#propose(turn.slice(from, at))
        from = at
        bytes = 0
        operations = 0
      }
      bytes += next.bytes
      operations += next.operations
    }
    this.#propose(from === 0 ? turn : turn.slice(from))
  }

  #propose(batch: readonly Pending[]): void {
    const payload = encodeCommands(batch.map(({ command }) => command))
    this.#raft.propose(payload, (error, result) => {
      if (error !== null) {
        this.failed += 1
        for (const pending of batch) this.#settle(pending).notWritten(pending.token, error)
        return
      }
      const results = result as readonly CommandResult[]
      assert(results.length === batch.length, 'every command of an entry has a result')
      batch.forEach((pending, at) => {
        const commandResult = results[at]
        assert(commandResult !== undefined, 'every command of an entry has a result')
        this.#settle(pending).written(pending.token, commandResult)
      })
    })
  }

  #settle(pending: Pending): WriteOrigin {
    this.#commands -= 1
    this.#bytes -= pending.bytes
    return pending.origin
  }
}

/** About the length of its encoding; exact enough to bound memory and entries. */
function commandBytes(command: Command): number {
  const author = command.by === undefined || command.by === 'member' ? '' : command.by.user
  const named = command.once === undefined ? 0 : 28
  return 3 * author.length + named + plainBytes(command)
}

function plainBytes(command: Command): number {
  switch (command.kind) {
    case 'put':
      return command.request.key.length + command.request.value.length + 32
    case 'deleteRange':
      return command.request.key.length + (command.request.end?.length ?? 0) + 32
    case 'txn':
      return txnBytes(command.request)
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'cluster':
    case 'alarm':
    case 'quota':
    case 'openSession':
      return 32
    case 'hash':
      return 160
    case 'leaseCheckpoint':
      return 32 + command.checkpoints.length * 18
    case 'member':
      return 1_024
    case 'auth':
      return 2_048 + authKeyBytes(command.change)
    default:
      return unreachable(command)
  }
}

/** Beyond names and hashes, which have limits. */
function authKeyBytes(change: AuthChange): number {
  const range =
    change.action === 'roleGrantPermission'
      ? change.permission
      : change.action === 'roleRevokePermission'
        ? change.range
        : null
  return range === null ? 0 : range.key.length + (range.end?.length ?? 0)
}

type Txn = Extract<Command, { kind: 'txn' }>['request']

function txnBytes(txn: Txn): number {
  let bytes = 32
  for (const compare of txn.compare) {
    const operand = compare.target === 'value' ? compare.value.length : 9
    bytes += compare.key.length + (compare.end?.length ?? 0) + operand + 24
  }
  for (const ops of [txn.success, txn.failure]) {
    for (const op of ops) {
      if (op.kind === 'txn') bytes += txnBytes(op.request)
      else if (op.kind === 'put') bytes += op.request.key.length + op.request.value.length + 32
      else bytes += op.request.key.length + (op.request.end?.length ?? 0) + 96
    }
  }
  return bytes
}

/** On the longer branch. */
function operationsOf({ success, failure }: Txn): number {
  const sum = (ops: Txn['success']) =>
    ops.reduce((total, op) => total + (op.kind === 'txn' ? operationsOf(op.request) : 1), 1)
  return Math.max(sum(success), sum(failure))
}
