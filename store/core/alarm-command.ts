// Alarms: what is wrong with the cluster until somebody says that it has been seen to. NOSPACE: no
// more may be stored. CORRUPT: a member has another state than the others. Counterpart: v3alarm and
// the capped and corrupt appliers of etcd, whose refusals these are. One difference: where a majority
// has shown which member is wrong (hash-command.ts), that member alone is out of service.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { BackendError } from './backend.js'
import type { Command } from './command.js'
import { choice, count, truth, tuple } from './command-fields.js'
import { StoreError } from './errors.js'
import type { SystemRecords } from './system-records.js'
import type { Alarm, AlarmKind, AlarmResponse, RequestOp, TxnRequest } from './types.js'

/** Position is the number on the wire and in the log, etcd's own. */
export const alarmKinds: readonly AlarmKind[] = ['none', 'nospace', 'corrupt']

export interface AlarmCommand {
  readonly kind: 'alarm'
  readonly activate: boolean
  readonly alarm: Alarm
}

export interface AlarmResult {
  readonly ok: true
  readonly kind: 'alarm'
  readonly response: AlarmResponse
}

const code = 10
const prefix = 'alarm/'
const contained = Uint8Array.of(1)
const uncontained = Uint8Array.of(0)

/** The alarms that are on; made anew with the state. */
export class Alarms {
  readonly #records: SystemRecords
  #active: readonly Alarm[] = []
  #nospace = false
  #corrupt = false
  #contained: ReadonlySet<number> = new Set()

  /** Throws BackendError for a record that is none of ours. */
  constructor(records: SystemRecords) {
    this.#records = records
    this.#read()
  }

  /** In the order of kinds and members; all of them when `kind` is 'none'. */
  list(kind: AlarmKind = 'none'): readonly Alarm[] {
    return kind === 'none' ? this.#active : this.#active.filter(alarm => alarm.kind === kind)
  }

  has(kind: AlarmKind): boolean {
    return this.#active.some(alarm => alarm.kind === kind)
  }

  /** CORRUPT is on, and not of members alone that are known to be wrong. */
  get stopsCluster(): boolean {
    return this.#corrupt
  }

  /** Throws `corrupt` or `no-space` for what may not be done meanwhile. */
  check(command: Command): void {
    if (this.#corrupt && refusedWhenCorrupt.has(command.kind)) throw new StoreError('corrupt')
    if (this.#nospace && stores(command)) throw new StoreError('no-space')
  }

  /** `isContained`: which member is wrong is known, and the others may go on. */
  activate(alarm: Alarm, isContained = false): void {
    const value = isContained ? contained : uncontained
    const before = this.#records.get(nameOf(alarm))
    // What somebody has raised for the whole cluster is not narrowed down by what is found out.
    if (before !== undefined && (isContained || before[0] === uncontained[0])) return
    this.#records.set(nameOf(alarm), value)
    this.#read()
  }

  /** The member that was wrong agrees with the others again. */
  endContained(member: number): void {
    if (this.#contained.has(member)) this.deactivate({ kind: 'corrupt', member })
  }

  /** Members that a majority has found to be wrong. */
  get contained(): ReadonlySet<number> {
    return this.#contained
  }

  /** False when it was not on. */
  deactivate(alarm: Alarm): boolean {
    const was = this.#records.delete(nameOf(alarm))
    if (was) this.#read()
    return was
  }

  #read(): void {
    const entries = this.#records.entries(prefix).map(({ name, value }) => {
      const [, number, member] = name.split('/').map(Number)
      const kind = alarmKinds[number ?? -1]
      if (kind === undefined || !Number.isSafeInteger(member)) {
        throw new BackendError('backend-corrupt', `the record ${name} names no alarm`)
      }
      return { kind, member: member as number, isContained: value[0] === contained[0] }
    })
    const order = (alarm: Alarm) => alarmKinds.indexOf(alarm.kind)
    entries.sort((a, b) => order(a) - order(b) || a.member - b.member)
    this.#active = entries.map(({ kind, member }) => ({ kind, member }))
    this.#nospace = this.has('nospace')
    const corrupt = entries.filter(({ kind }) => kind === 'corrupt')
    this.#corrupt = corrupt.some(({ isContained }) => !isContained)
    this.#contained = new Set(
      corrupt.filter(({ isContained }) => isContained).map(({ member }) => member),
    )
  }
}

const refusedWhenCorrupt: ReadonlySet<Command['kind']> = new Set([
  'put',
  'deleteRange',
  'txn',
  'compact',
  'leaseGrant',
  'leaseRevoke',
])

function nameOf({ kind, member }: Alarm): string {
  return `${prefix}${alarmKinds.indexOf(kind)}/${member}`
}

/** Whether it needs room beyond what is taken already. */
function stores(command: Command): boolean {
  if (command.kind === 'txn') return hasPut(command.request)
  return command.kind === 'put' || command.kind === 'leaseGrant'
}

/** Whether either branch, nested ones included, has a put in it. */
function hasPut(txn: TxnRequest): boolean {
  return txn.success.some(isPut) || txn.failure.some(isPut)
}

function isPut(op: RequestOp): boolean {
  switch (op.kind) {
    case 'put':
      return true
    case 'txn':
      return hasPut(op.request)
    case 'range':
    case 'deleteRange':
      return false
    default:
      return unreachable(op)
  }
}

export function encodeAlarmCommand({ activate, alarm }: AlarmCommand): PackedValue[] {
  return [code, activate, alarmKinds.indexOf(alarm.kind), alarm.member]
}

export function decodeAlarmCommand(fields: unknown[]): AlarmCommand {
  const [, activate, kind, member] = tuple(fields, 4)
  const alarm = { kind: choice(alarmKinds, kind), member: count(member) }
  return { kind: 'alarm', activate: truth(activate), alarm }
}

export function applyAlarmCommand(
  { alarms, kv }: AppliedState,
  { activate, alarm }: AlarmCommand,
  { header }: EntryContext,
): AlarmResult {
  let changed: readonly Alarm[] = [alarm]
  if (activate) alarms.activate(alarm)
  else if (!alarms.deactivate(alarm)) changed = []
  return { ok: true, kind: 'alarm', response: { header: header(kv.revision), alarms: changed } }
}
