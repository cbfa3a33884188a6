// What stands in a log entry: a batch of commands. Counterpart: etcd's InternalRaftRequest, of which
// it is one per entry; a batch shares the entry's cost. Fixed positional MessagePack arrays behind a
// version byte. Reads, authentication and membership are not commands.

import { assert, must, unreachable } from '../../platform/errors.js'
import type { PackedValue, UnpackRules } from '../../platform/msgpack.js'
import { packArray, unpackArray } from '../../platform/msgpack.js'
import { StoreError } from './errors.js'
import {
  commandsPerEntryMax,
  entryBytesMax,
  leaseCheckpointsPerCommandMax,
  txnOperationsMax,
  txnOperationsTotalMax,
} from './limits.js'
import type {
  Bytes,
  CompactionRequest,
  CompactionResponse,
  Compare,
  CompareResult,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantResponse,
  LeaseId,
  LeaseRevokeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RequestOp,
  ResponseHeader,
  SortTarget,
  TxnRequest,
  TxnResponse,
} from './types.js'

export interface LeaseCheckpoint {
  readonly id: LeaseId
  /** Seconds left when it was taken; 0: the whole granted time. */
  readonly remainingSeconds: number
}

export type Command =
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compact'; readonly request: CompactionRequest }
  /** `id` is already picked (not 0) and `ttlSeconds` raised to the minimum by who proposes. */
  | { readonly kind: 'leaseGrant'; readonly id: LeaseId; readonly ttlSeconds: number }
  /**
   * `leaderTerm` 0: a client asked. Otherwise the leader of that term saw it expire; it is refused
   * on apply when the entry was appended in a later term.
   */
  | { readonly kind: 'leaseRevoke'; readonly id: LeaseId; readonly leaderTerm: number }
  | {
      readonly kind: 'leaseCheckpoint'
      readonly leaderTerm: number
      readonly checkpoints: readonly LeaseCheckpoint[]
    }

export type CommandResult =
  | { readonly ok: true; readonly kind: 'put'; readonly response: PutResponse }
  | { readonly ok: true; readonly kind: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly ok: true; readonly kind: 'txn'; readonly response: TxnResponse }
  | { readonly ok: true; readonly kind: 'compact'; readonly response: CompactionResponse }
  | { readonly ok: true; readonly kind: 'leaseGrant'; readonly response: LeaseGrantResponse }
  | { readonly ok: true; readonly kind: 'leaseRevoke'; readonly response: LeaseRevokeResponse }
  | {
      readonly ok: true
      readonly kind: 'leaseCheckpoint'
      readonly response: { readonly header: ResponseHeader }
    }
  | { readonly ok: false; readonly error: StoreError }

const formatVersion = 1
const rules: UnpackRules = {
  itemsMax: 8_000_000,
  depthMax: 2 * txnOperationsMax + 8,
  textBytesMax: 0,
  numbers: 'own',
  // Keys and values outlive the entry.
  binaries: 'copies',
  error: detail => new StoreError('malformed', detail),
}

const code = { range: 0, put: 1, deleteRange: 2, txn: 3 } as const
const commandCode = { compact: 4, leaseGrant: 5, leaseRevoke: 6, leaseCheckpoint: 7 } as const
const flag = { prevKv: 1, ignoreValue: 2, ignoreLease: 4 } as const
const rangeFlag = { serializable: 1, keysOnly: 2, countOnly: 4 } as const
const sortOrders = ['none', 'ascend', 'descend'] as const
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value']
const compareResults: readonly CompareResult[] = ['equal', 'notEqual', 'greater', 'less']
const compareTargets = ['version', 'create', 'mod', 'value', 'lease'] as const

/** The data of one log entry. The caller keeps to `commandsPerEntryMax` and `entryBytesMax`. */
export function encodeCommands(commands: readonly Command[]): Uint8Array {
  assert(commands.length <= commandsPerEntryMax, 'too many commands for one entry')
  const body = packArray(commands.map(encodeCommand))
  assert(body.length < entryBytesMax, 'the commands are too large for one entry')
  const data = new Uint8Array(body.length + 1)
  data[0] = formatVersion
  data.set(body, 1)
  return data
}

/** Reads what `encodeCommands` made. Throws StoreError `malformed`, and nothing else. */
export function decodeCommands(data: Uint8Array): Command[] {
  if (data.length < 2 || data.length > entryBytesMax) malformed('of a wrong size')
  if (data[0] !== formatVersion) malformed(`format version ${data[0]} is not known`)
  return list(unpackArray(data.subarray(1), rules), commandsPerEntryMax).map(decodeCommand)
}

function encodeCommand(command: Command): PackedValue[] {
  switch (command.kind) {
    case 'put':
      return encodePut(command.request)
    case 'deleteRange':
      return encodeDelete(command.request)
    case 'txn':
      return encodeTxn(command.request)
    case 'compact':
      return [commandCode.compact, command.request.revision, command.request.physical === true]
    case 'leaseGrant':
      return [commandCode.leaseGrant, command.id, command.ttlSeconds]
    case 'leaseRevoke':
      return [commandCode.leaseRevoke, command.id, command.leaderTerm]
    case 'leaseCheckpoint': {
      const { checkpoints, leaderTerm } = command
      assert(checkpoints.length <= leaseCheckpointsPerCommandMax, 'too many lease checkpoints')
      const pairs = checkpoints.flatMap(({ id, remainingSeconds }) => [id, remainingSeconds])
      return [commandCode.leaseCheckpoint, leaderTerm, pairs]
    }
    default:
      return unreachable(command)
  }
}

function encodePut(put: PutRequest): PackedValue[] {
  const flags =
    (put.prevKv === true ? flag.prevKv : 0) |
    (put.ignoreValue === true ? flag.ignoreValue : 0) |
    (put.ignoreLease === true ? flag.ignoreLease : 0)
  return [code.put, put.key, put.value, put.lease ?? 0, flags]
}

function encodeDelete(request: DeleteRangeRequest): PackedValue[] {
  return [code.deleteRange, request.key, request.end ?? null, request.prevKv === true]
}

function encodeTxn(txn: TxnRequest): PackedValue[] {
  return [
    code.txn,
    txn.compare.map(encodeCompare),
    txn.success.map(encodeOp),
    txn.failure.map(encodeOp),
  ]
}

function encodeOp(op: RequestOp): PackedValue[] {
  switch (op.kind) {
    case 'range':
      return encodeRange(op.request)
    case 'put':
      return encodePut(op.request)
    case 'deleteRange':
      return encodeDelete(op.request)
    case 'txn':
      return encodeTxn(op.request)
    default:
      return unreachable(op)
  }
}

function encodeRange(range: RangeRequest): PackedValue[] {
  const flags =
    (range.serializable === true ? rangeFlag.serializable : 0) |
    (range.keysOnly === true ? rangeFlag.keysOnly : 0) |
    (range.countOnly === true ? rangeFlag.countOnly : 0)
  return [
    code.range,
    range.key,
    range.end ?? null,
    range.limit ?? 0,
    range.revision ?? 0,
    sortOrders.indexOf(range.sortOrder ?? 'none'),
    sortTargets.indexOf(range.sortTarget ?? 'key'),
    flags,
    range.minModRevision ?? 0,
    range.maxModRevision ?? 0,
    range.minCreateRevision ?? 0,
    range.maxCreateRevision ?? 0,
  ]
}

function encodeCompare(compare: Compare): PackedValue[] {
  const target = compareTargets.indexOf(compare.target)
  const result = compareResults.indexOf(compare.result)
  return [compare.key, compare.end ?? null, target, result, operand(compare)]
}

function operand(compare: Compare): number | Bytes {
  switch (compare.target) {
    case 'version':
      return compare.version
    case 'create':
      return compare.createRevision
    case 'mod':
      return compare.modRevision
    case 'value':
      return compare.value
    case 'lease':
      return compare.lease
    default:
      return unreachable(compare)
  }
}

function malformed(detail: string): never {
  throw new StoreError('malformed', detail)
}

function list(value: unknown, lengthMax: number): unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) malformed('an array was expected')
  return value as unknown[]
}

function tuple(value: unknown, length: number): unknown[] {
  if (!Array.isArray(value) || value.length !== length) malformed(`${length} fields were expected`)
  return value as unknown[]
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) malformed('a number was expected')
  return value as number
}

function bytes(value: unknown): Bytes {
  if (!(value instanceof Uint8Array)) malformed('bytes were expected')
  return value
}

function truth(value: unknown): boolean {
  if (typeof value !== 'boolean') malformed('true or false was expected')
  return value
}

function choice<T>(choices: readonly T[], value: unknown): T {
  const index = count(value)
  if (index >= choices.length) malformed('a choice is not known')
  return must(choices[index], 'a choice within the list')
}

function flags(value: unknown, all: number): number {
  const given = count(value)
  if (given > all) malformed('a flag is not known')
  return given
}

/** `end` only where there is one, as exact optional properties want it. */
function range(key: unknown, end: unknown): { key: Bytes; end?: Bytes } {
  return end === null ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) }
}

function decodeCommand(value: unknown): Command {
  if (!Array.isArray(value)) malformed('a command is no array')
  const fields = value as unknown[]
  switch (fields[0]) {
    case code.put:
      return { kind: 'put', request: decodePut(fields) }
    case code.deleteRange:
      return { kind: 'deleteRange', request: decodeDelete(fields) }
    case code.txn:
      return { kind: 'txn', request: decodeTxn(fields) }
    case commandCode.compact: {
      const [, revision, physical] = tuple(fields, 3)
      return {
        kind: 'compact',
        request: { revision: count(revision), physical: truth(physical) },
      }
    }
    case commandCode.leaseGrant: {
      const [, id, ttlSeconds] = tuple(fields, 3)
      return { kind: 'leaseGrant', id: count(id), ttlSeconds: count(ttlSeconds) }
    }
    case commandCode.leaseRevoke: {
      const [, id, leaderTerm] = tuple(fields, 3)
      return { kind: 'leaseRevoke', id: count(id), leaderTerm: count(leaderTerm) }
    }
    case commandCode.leaseCheckpoint:
      return decodeCheckpoint(fields)
    default:
      return malformed('a command is not known')
  }
}

function decodeCheckpoint(fields: unknown[]): Command {
  const [, leaderTerm, pairs] = tuple(fields, 3)
  const numbers = list(pairs, 2 * leaseCheckpointsPerCommandMax).map(count)
  if (numbers.length % 2 !== 0) malformed('a lease checkpoint is cut')
  const checkpoints: LeaseCheckpoint[] = []
  for (let i = 0; i < numbers.length; i += 2) {
    checkpoints.push({ id: count(numbers[i]), remainingSeconds: count(numbers[i + 1]) })
  }
  return { kind: 'leaseCheckpoint', leaderTerm: count(leaderTerm), checkpoints }
}

function decodePut(fields: unknown[]): PutRequest {
  const [, key, value, lease, given] = tuple(fields, 5)
  const bits = flags(given, 7)
  return {
    key: bytes(key),
    value: bytes(value),
    lease: count(lease),
    prevKv: (bits & flag.prevKv) !== 0,
    ignoreValue: (bits & flag.ignoreValue) !== 0,
    ignoreLease: (bits & flag.ignoreLease) !== 0,
  }
}

function decodeDelete(fields: unknown[]): DeleteRangeRequest {
  const [, key, end, prevKv] = tuple(fields, 4)
  return { ...range(key, end), prevKv: truth(prevKv) }
}

function decodeTxn(fields: unknown[]): TxnRequest {
  const [, compare, success, failure] = tuple(fields, 4)
  return {
    compare: list(compare, txnOperationsTotalMax).map(decodeCompare),
    success: list(success, txnOperationsTotalMax).map(decodeOp),
    failure: list(failure, txnOperationsTotalMax).map(decodeOp),
  }
}

function decodeOp(value: unknown): RequestOp {
  if (!Array.isArray(value)) malformed('an operation is no array')
  const fields = value as unknown[]
  switch (fields[0]) {
    case code.range:
      return { kind: 'range', request: decodeRange(fields) }
    case code.put:
      return { kind: 'put', request: decodePut(fields) }
    case code.deleteRange:
      return { kind: 'deleteRange', request: decodeDelete(fields) }
    case code.txn:
      return { kind: 'txn', request: decodeTxn(fields) }
    default:
      return malformed('an operation is not known')
  }
}

function decodeRange(fields: unknown[]): RangeRequest {
  const [, key, end, limit, revision, order, target, given, minMod, maxMod, minCreate, maxCreate] =
    tuple(fields, 12)
  const bits = flags(given, 7)
  return {
    ...range(key, end),
    limit: count(limit),
    revision: count(revision),
    sortOrder: choice(sortOrders, order),
    sortTarget: choice(sortTargets, target),
    serializable: (bits & rangeFlag.serializable) !== 0,
    keysOnly: (bits & rangeFlag.keysOnly) !== 0,
    countOnly: (bits & rangeFlag.countOnly) !== 0,
    minModRevision: count(minMod),
    maxModRevision: count(maxMod),
    minCreateRevision: count(minCreate),
    maxCreateRevision: count(maxCreate),
  }
}

function decodeCompare(value: unknown): Compare {
  const [key, end, target, result, operand] = tuple(value, 5)
  const common = { ...range(key, end), result: choice(compareResults, result) }
  const kind = choice(compareTargets, target)
  switch (kind) {
    case 'version':
      return { ...common, target: kind, version: count(operand) }
    case 'create':
      return { ...common, target: kind, createRevision: count(operand) }
    case 'mod':
      return { ...common, target: kind, modRevision: count(operand) }
    case 'value':
      return { ...common, target: kind, value: bytes(operand) }
    case 'lease':
      return { ...common, target: kind, lease: count(operand) }
    default:
      return unreachable(kind)
  }
}
