// Commands that write keys or drop their history: put, delete, transaction, compaction. Their form in
// a log entry, and what they do to the state. Counterpart: the KV requests of etcd's applier.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import {
  bytes,
  choice,
  count,
  flags,
  list,
  malformed,
  truth,
  tuple,
  unknownCommand,
} from './command-fields.js'
import { CompactedError, StoreError } from './errors.js'
import { txnOperationsTotalMax } from './limits.js'
import type { Kv } from './kv.js'
import type { Applied, Sliced } from './sliced.js'
import { checkPutOnState, type MakeHeader, runTxn } from './txn.js'
import type {
  Bytes,
  CompactionRequest,
  CompactionResponse,
  Compare,
  CompareResult,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RequestOp,
  Revision,
  SortTarget,
  TxnRequest,
  TxnResponse,
} from './types.js'

export type KvCommand =
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compact'; readonly request: CompactionRequest }

export type KvResult =
  | { readonly ok: true; readonly kind: 'put'; readonly response: PutResponse }
  | { readonly ok: true; readonly kind: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly ok: true; readonly kind: 'txn'; readonly response: TxnResponse }
  | { readonly ok: true; readonly kind: 'compact'; readonly response: CompactionResponse }

/** `range` is an operation of transactions, and no command. */
const code = { range: 0, put: 1, deleteRange: 2, txn: 3, compact: 4 } as const
const flag = { prevKv: 1, ignoreValue: 2, ignoreLease: 4 } as const
const rangeFlag = { serializable: 1, keysOnly: 2, countOnly: 4 } as const
const sortOrders = ['none', 'ascend', 'descend'] as const
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value']
const compareResults: readonly CompareResult[] = ['equal', 'notEqual', 'greater', 'less']
const compareTargets = ['version', 'create', 'mod', 'value', 'lease'] as const

export function encodeKvCommand(command: KvCommand): PackedValue[] {
  switch (command.kind) {
    case 'put':
      return encodePut(command.request)
    case 'deleteRange':
      return encodeDelete(command.request)
    case 'txn':
      return encodeTxn(command.request)
    case 'compact':
      return [code.compact, command.request.revision, command.request.physical === true]
    default:
      return unreachable(command)
  }
}

export function decodeKvCommand(fields: unknown[]): KvCommand {
  switch (fields[0]) {
    case code.put:
      return { kind: 'put', request: decodePut(fields) }
    case code.deleteRange:
      return { kind: 'deleteRange', request: decodeDelete(fields) }
    case code.txn:
      return { kind: 'txn', request: decodeTxn(fields) }
    case code.compact: {
      const [, revision, physical] = tuple(fields, 3)
      return {
        kind: 'compact',
        request: { revision: count(revision), physical: truth(physical) },
      }
    }
    default:
      return unknownCommand(fields[0])
  }
}

/** Throws StoreError, and has then changed nothing. */
export function applyKvCommand(
  state: AppliedState,
  command: KvCommand,
  { header }: EntryContext,
): Applied<KvResult> {
  const { kv } = state
  switch (command.kind) {
    case 'put': {
      checkPutOnState(kv, command.request)
      kv.begin()
      const prevKv = kv.put(command.request)
      kv.end()
      return { ok: true, kind: 'put', response: { header: header(kv.revision), prevKv } }
    }
    case 'deleteRange':
      return deleteKeys(kv, command.request, header)
    case 'txn':
      return transact(kv, command.request, header)
    case 'compact':
      return compact(state, command.request.revision, header)
    default:
      return unreachable(command)
  }
}

function* deleteKeys(kv: Kv, request: DeleteRangeRequest, header: MakeHeader): Sliced<KvResult> {
  kv.begin()
  const result = yield* kv.deleteRange(request)
  kv.end()
  return {
    ok: true,
    kind: 'deleteRange',
    response: { header: header(kv.revision), ...result },
  }
}

function* transact(kv: Kv, request: TxnRequest, header: MakeHeader): Sliced<KvResult> {
  return { ok: true, kind: 'txn', response: yield* runTxn(kv, request, header) }
}

function* compact(
  { kv, compactor }: AppliedState,
  revision: Revision,
  header: MakeHeader,
): Sliced<KvResult> {
  if (revision <= kv.compactRevision) throw new CompactedError(kv.compactRevision)
  if (revision > kv.revision) throw new StoreError('future-revision')
  yield* kv.raiseCompaction(revision)
  compactor.raise(revision)
  kv.hash.number(revision)
  return { ok: true, kind: 'compact', response: { header: header(kv.revision) } }
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

/** With its end, if it has one. Set behind: V8 makes a literal with others spread into it the slow way. */
function ending<T extends object>(request: T & { end?: Bytes }, end: unknown): T & { end?: Bytes } {
  if (end !== null) request.end = bytes(end)
  return request
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
  return ending({ key: bytes(key), prevKv: truth(prevKv) }, end)
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
  const request = {
    key: bytes(key),
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
  return ending(request, end)
}

function decodeCompare(value: unknown): Compare {
  const [start, end, what, how, operand] = tuple(value, 5)
  const key = bytes(start)
  const result = choice(compareResults, how)
  const target = choice(compareTargets, what)
  switch (target) {
    case 'version':
      return ending({ key, result, target, version: count(operand) }, end)
    case 'create':
      return ending({ key, result, target, createRevision: count(operand) }, end)
    case 'mod':
      return ending({ key, result, target, modRevision: count(operand) }, end)
    case 'value':
      return ending({ key, result, target, value: bytes(operand) }, end)
    case 'lease':
      return ending({ key, result, target, lease: count(operand) }, end)
    default:
      return unreachable(target)
  }
}
