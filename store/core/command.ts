// What stands in a log entry: a batch of commands. Counterpart: etcd's InternalRaftRequest, of which
// it is one per entry; a batch shares the entry's cost. Fixed positional MessagePack arrays behind a
// version byte; each begins with the code of its command. Every family of commands has a file of its
// own with their form and effect, and a range of codes. Reads are not commands.

import { assert, unreachable } from '../../platform/errors.js'
import type { PackedValue, UnpackRules } from '../../platform/msgpack.js'
import { packExact, unpackArray } from '../../platform/msgpack.js'
import {
  type AlarmCommand,
  type AlarmResult,
  applyAlarmCommand,
  decodeAlarmCommand,
  encodeAlarmCommand,
} from './alarm-command.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { decodeAuthChange, encodeAuthChange } from './auth/auth-change.js'
import { applyAuthCommand, type AuthCommand, type AuthResult } from './auth/auth-command.js'
import { authorCode, decodeAuthored, encodeAuthored, type Identity } from './auth/author.js'
import {
  applyClusterCommand,
  type ClusterCommand,
  type ClusterResult,
  decodeClusterCommand,
  encodeClusterCommand,
} from './cluster-command.js'
import { count, list, malformed, unknownCommand } from './command-fields.js'
import { StoreError, UnknownCommandError } from './errors.js'
import {
  applyHashCommand,
  decodeHashCommand,
  encodeHashCommand,
  type HashCommand,
  type HashResult,
} from './hash-command.js'
import {
  applyKvCommand,
  decodeKvCommand,
  encodeKvCommand,
  type KvCommand,
  type KvResult,
} from './kv-command.js'
import {
  applyLeaseCommand,
  decodeLeaseCommand,
  encodeLeaseCommand,
  type LeaseCommand,
  type LeaseResult,
} from './leases/lease-command.js'
import {
  applyMemberCommand,
  decodeMemberChange,
  encodeMemberChange,
  type MemberCommand,
  type MemberResult,
} from './member-command.js'
import {
  applyQuotaCommand,
  checkQuota,
  decodeQuotaCommand,
  encodeQuotaCommand,
  type QuotaCommand,
  type QuotaResult,
} from './quota-command.js'
import { decodeOnce, encodeOnce, onceCode } from './sessions/once.js'
import type { Applied } from './sliced.js'
import {
  applyOnce,
  applySessionCommand,
  decodeSessionCommand,
  encodeSessionCommand,
  type SessionCommand,
  sessionCommandVersion,
  type SessionResult,
  sessionsVersion,
} from './sessions/session-command.js'
import {
  commandsPerEntryMax,
  commandTextBytesMax,
  entryBytesMax,
  txnOperationsMax,
} from './limits.js'
import type { Once } from './types.js'

export type Command = (
  | KvCommand
  | LeaseCommand
  | ClusterCommand
  | AlarmCommand
  | AuthCommand
  | MemberCommand
  | QuotaCommand
  | HashCommand
  | SessionCommand
) & {
  /** Absent: nobody who is known. That is enough while authentication is off. */
  readonly by?: Identity | 'member'
  /** Absent: it is done as often as it is asked for. */
  readonly once?: Once
}

export type CommandResult =
  | KvResult
  | LeaseResult
  | AuthResult
  | MemberResult
  | ClusterResult
  | AlarmResult
  | QuotaResult
  | HashResult
  | SessionResult
  | { readonly ok: false; readonly error: StoreError }

const formatVersion = 1
/** Codes up to and with this one belong to the family. */
const lastCode = {
  kv: 4,
  lease: 7,
  cluster: 9,
  alarm: 10,
  quota: 11,
  hash: 13,
  session: 15,
  auth: 31,
  member: 39,
  opening: 40,
} as const

/** Versions of the commands that this program knows (cluster-command.ts). */
export const commandVersions = { min: 1, max: 4 } as const

/** The version of the cluster from which on a command may be proposed. */
export function commandVersion(command: Command): number {
  const { kind, by, once } = command
  if (kind === 'openSession') return sessionCommandVersion(command)
  if (once !== undefined) return sessionsVersion
  if (by !== undefined) return 2
  switch (kind) {
    case 'put':
    case 'deleteRange':
    case 'txn':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseCheckpoint':
      return 1
    case 'cluster':
      // Who proposes it has asked all members.
      return 0
    case 'alarm':
    case 'quota':
    case 'hash':
    case 'auth':
    case 'member':
      return 2
    default:
      return unreachable(kind)
  }
}

const rules: UnpackRules = {
  itemsMax: 8_000_000,
  depthMax: 2 * txnOperationsMax + 8,
  textBytesMax: commandTextBytesMax,
  numbers: 'own',
  // Keys and values outlive the entry.
  binaries: 'copies',
  error: detail => new StoreError('malformed', detail),
}

/** The data of one log entry. The caller keeps to `commandsPerEntryMax` and `entryBytesMax`. */
export function encodeCommands(commands: readonly Command[]): Uint8Array {
  assert(commands.length <= commandsPerEntryMax, 'too many commands for one entry')
  const data = packExact(commands.map(encodeCommand), 1)
  assert(data.length <= entryBytesMax, 'the commands are too large for one entry')
  data[0] = formatVersion
  return data
}

/** Reads what `encodeCommands` made. Throws StoreError `malformed`, or UnknownCommandError. */
export function decodeCommands(data: Uint8Array): Command[] {
  if (data.length < 2 || data.length > entryBytesMax) malformed('of a wrong size')
  if (data[0] !== formatVersion) {
    throw new UnknownCommandError(`the log holds an entry of the unknown format ${data[0]}`)
  }
  return list(unpackArray(data.subarray(1), rules), commandsPerEntryMax).map(decodeCommand)
}

function encodeCommand(command: Command): PackedValue[] {
  const { by, once } = command
  const plain = encodePlain(command)
  const named = once === undefined ? plain : encodeOnce(once, plain)
  return by === undefined ? named : encodeAuthored(by, named)
}

function encodePlain(command: Command): PackedValue[] {
  switch (command.kind) {
    case 'put':
    case 'deleteRange':
    case 'txn':
    case 'compact':
      return encodeKvCommand(command)
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseCheckpoint':
      return encodeLeaseCommand(command)
    case 'auth':
      return encodeAuthChange(command.change)
    case 'member':
      return encodeMemberChange(command.change)
    case 'cluster':
      return encodeClusterCommand(command)
    case 'alarm':
      return encodeAlarmCommand(command)
    case 'quota':
      return encodeQuotaCommand(command)
    case 'hash':
      return encodeHashCommand(command)
    case 'openSession':
      return encodeSessionCommand(command)
    default:
      return unreachable(command)
  }
}

function decodeCommand(value: unknown): Command {
  if (!Array.isArray(value) || value[0] !== authorCode) return decodeNamed(value)
  const [by, command] = decodeAuthored(value)
  return { ...decodeNamed(command), by }
}

function decodeNamed(value: unknown): Command {
  if (!Array.isArray(value) || value[0] !== onceCode) return decodePlain(value)
  const [once, command] = decodeOnce(value)
  // Nobody else has it yet; a copy would cost as much as all the rest.
  const named: Command & { once?: Once } = decodePlain(command)
  named.once = once
  return named
}

function decodePlain(value: unknown): Command {
  if (!Array.isArray(value)) malformed('a command is no array')
  const fields = value as unknown[]
  const code = count(fields[0])
  if (code <= lastCode.kv) return decodeKvCommand(fields)
  if (code <= lastCode.lease) return decodeLeaseCommand(fields)
  if (code <= lastCode.cluster) return decodeClusterCommand(fields)
  if (code <= lastCode.alarm) return decodeAlarmCommand(fields)
  if (code <= lastCode.quota) return decodeQuotaCommand(fields)
  if (code <= lastCode.hash) return decodeHashCommand(fields)
  if (code === onceCode) malformed('a name of a name')
  if (code <= lastCode.session) return decodeSessionCommand(fields)
  if (code === authorCode) malformed('an author of an author')
  if (code <= lastCode.auth) return { kind: 'auth', change: decodeAuthChange(fields) }
  if (code <= lastCode.member) return { kind: 'member', change: decodeMemberChange(fields) }
  if (code <= lastCode.opening) return decodeSessionCommand(fields)
  return unknownCommand(code)
}

/** Throws StoreError, and has then changed no key and no lease. */
export function applyCommand(
  state: AppliedState,
  command: Command,
  context: EntryContext,
): Applied<CommandResult> {
  const { once } = command
  if (once === undefined) return decide(state, command, context)
  // Before anything else is looked at: what was done stays done, whoever may do it today.
  return applyOnce(state, command, once, context, () => decide(state, command, context))
}

function decide(
  state: AppliedState,
  command: Command,
  context: EntryContext,
): Applied<CommandResult> {
  if (command.kind !== 'hash') state.hashMarks.noteCommand()
  state.authCheck.command(command)
  state.alarms.check(command)
  checkQuota(state, command, context)
  switch (command.kind) {
    case 'put':
    case 'deleteRange':
    case 'txn':
    case 'compact':
      return applyKvCommand(state, command, context)
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseCheckpoint':
      return applyLeaseCommand(state, command, context)
    case 'auth':
      return applyAuthCommand(state, command, context)
    case 'member':
      return applyMemberCommand(state, command, context)
    case 'cluster':
      return applyClusterCommand(state, command, context)
    case 'alarm':
      return applyAlarmCommand(state, command, context)
    case 'quota':
      return applyQuotaCommand(state, command, context)
    case 'hash':
      return applyHashCommand(state, command, context)
    case 'openSession':
      return applySessionCommand(state, command, context)
    default:
      return unreachable(command)
  }
}
