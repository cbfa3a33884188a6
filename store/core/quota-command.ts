// How much may be stored. Counterpart: etcd's backend quota, which every member judges by the size of
// its own file before it proposes; here the limit stands in the log, what it is compared with follows
// from the log, and the command that would pass it is refused when it is applied: on all members or on
// none, and never after it took effect. With the refusal the alarm NOSPACE goes up.

import { unreachable } from '../../platform/errors.js'
import {
  type PackedValue,
  packArray,
  unpackArray,
  type UnpackRules,
} from '../../platform/msgpack.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { BackendError } from './backend.js'
import type { Command } from './command.js'
import { count, tuple } from './command-fields.js'
import { storedBytes } from './content.js'
import { StoreError } from './errors.js'
import type { SystemRecords } from './system-records.js'
import type { RequestOp, ResponseHeader } from './types.js'

export interface QuotaCommand {
  readonly kind: 'quota'
  /** 0: none. */
  readonly bytes: number
}

export interface QuotaResult {
  readonly ok: true
  readonly kind: 'quota'
  readonly response: { readonly header: ResponseHeader }
}

const code = 11
const recordName = 'cluster/quota'
/** About what a lease takes. */
const leaseBytes = 64
const rules: UnpackRules = {
  itemsMax: 4,
  depthMax: 1,
  textBytesMax: 0,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new BackendError('backend-corrupt', `${recordName} cannot be read: ${detail}`),
}

/** The limit; made anew with the state. */
export class Quota {
  readonly #records: SystemRecords
  #bytes = 0

  constructor(records: SystemRecords) {
    this.#records = records
    const value = records.get(recordName)
    if (value === undefined) return
    const [bytes] = unpackArray(value, rules)
    if (!Number.isSafeInteger(bytes)) {
      throw new BackendError('backend-corrupt', `${recordName} holds no number`)
    }
    this.#bytes = bytes as number
  }

  /** 0: none. */
  get bytes(): number {
    return this.#bytes
  }

  set(bytes: number): void {
    this.#records.set(recordName, packArray([bytes]))
    this.#bytes = bytes
  }
}

/** What counts against the quota, a function of the log alone. */
export function usedBytes({ kv, records }: Pick<AppliedState, 'kv' | 'records'>): number {
  return kv.content.bytes + records.bytes
}

/** Throws `no-space` for a command that would pass the limit, and raises the alarm. */
export function checkQuota(state: AppliedState, command: Command, { origin }: EntryContext): void {
  const { quota, alarms } = state
  if (quota.bytes === 0) return
  const more = bytesOf(command)
  if (more === 0 || usedBytes(state) + more <= quota.bytes) return
  alarms.activate({ kind: 'nospace', member: origin })
  throw new StoreError('no-space')
}

/** What a command stores at most; deletions are let through, for without them nothing gets smaller. */
function bytesOf(command: Command): number {
  if (command.kind === 'put' || command.kind === 'txn') return opBytes(command)
  return command.kind === 'leaseGrant' ? leaseBytes : 0
}

function opBytes(op: RequestOp): number {
  switch (op.kind) {
    case 'put':
      return storedBytes({ bytes: op.request.key.length + op.request.value.length })
    case 'txn':
      return Math.max(sumOf(op.request.success), sumOf(op.request.failure))
    case 'range':
    case 'deleteRange':
      return 0
    default:
      return unreachable(op)
  }
}

function sumOf(ops: readonly RequestOp[]): number {
  let bytes = 0
  for (const op of ops) bytes += opBytes(op)
  return bytes
}

export function encodeQuotaCommand({ bytes }: QuotaCommand): PackedValue[] {
  return [code, bytes]
}

export function decodeQuotaCommand(fields: unknown[]): QuotaCommand {
  return { kind: 'quota', bytes: count(tuple(fields, 2)[1]) }
}

export function applyQuotaCommand(
  { quota, kv }: AppliedState,
  { bytes }: QuotaCommand,
  { header }: EntryContext,
): QuotaResult {
  quota.set(bytes)
  return { ok: true, kind: 'quota', response: { header: header(kv.revision) } }
}
