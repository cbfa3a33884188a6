// What is refused by its form alone, whatever the state. Servers call it before they propose, and
// apply calls it again: the log may hold what another version let through. Counterpart: etcd's
// checkRangeRequest, checkPutRequest, checkTxnRequest. It is stricter in one point: a put and a
// deletion of one key in two nested transactions of one branch are refused in either order.

import { unreachable } from '../../platform/errors.js'
import { checkAuthChange } from './auth/auth-change.js'
import type { Command } from './command.js'
import { StoreError } from './errors.js'
import { type Bounds, boundsOf, contains, keyString } from './key-range.js'
import {
  leaseTtlSecondsMax,
  nobodysLease,
  requestBytesMax,
  txnOperationsMax,
  txnOperationsTotalMax,
} from './limits.js'
import { checkMemberChange } from './member-command.js'
import { checkOnce } from './sessions/once.js'
import { checkOpening } from './sessions/session-command.js'
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from './types.js'

/** Throws StoreError. */
export function checkCommand(command: Command): void {
  if (command.once !== undefined) checkOnce(command.kind, command.once)
  switch (command.kind) {
    case 'put':
      checkPut(command.request)
      checkSize(putBytes(command.request))
      return
    case 'deleteRange':
      checkKey(command.request)
      checkSize(rangeBytes(command.request))
      return
    case 'txn':
      checkTxn(command.request)
      return
    case 'leaseGrant':
      if (command.id <= 0 || command.id >= nobodysLease) {
        throw new StoreError('malformed', 'a lease needs an id between zero and 2^53 - 1')
      }
      if (command.ttlSeconds > leaseTtlSecondsMax) throw new StoreError('lease-ttl-too-large')
      return
    case 'auth':
      checkAuthChange(command.change)
      return
    case 'member':
      checkMemberChange(command.change)
      return
    case 'openSession':
      checkOpening(command)
      return
    case 'compact':
    case 'leaseRevoke':
    case 'leaseCheckpoint':
    case 'cluster':
    case 'alarm':
    case 'quota':
    case 'hash':
      return
    default:
      unreachable(command)
  }
}

/** Throws StoreError. */
export function checkRange(request: RangeRequest): void {
  checkKey(request)
}

/** Throws StoreError. */
export function checkTxn(txn: TxnRequest): void {
  const total = checkOperations(txn, txnOperationsMax)
  if (total > txnOperationsTotalMax) throw new StoreError('too-many-operations')
  checkSize(txnBytes(txn))
  // The commonest transaction, one operation a branch, cannot clash with itself.
  if (!isFlatAndSmall(txn.success)) touchedBy(txn.success)
  if (!isFlatAndSmall(txn.failure)) touchedBy(txn.failure)
}

function checkKey(request: { readonly key: Uint8Array }): void {
  if (request.key.length === 0) throw new StoreError('key-empty')
}

function checkPut(put: PutRequest): void {
  checkKey(put)
  if (put.ignoreValue === true && put.value.length > 0) throw new StoreError('value-provided')
  if (put.ignoreLease === true && (put.lease ?? 0) !== 0) throw new StoreError('lease-provided')
}

function checkSize(bytes: number): void {
  if (bytes > requestBytesMax) throw new StoreError('request-too-large')
}

/** Answers how many operations and compares there are, nested ones included. */
function checkOperations(txn: TxnRequest, operationsMax: number): number {
  const operations = Math.max(txn.compare.length, txn.success.length, txn.failure.length)
  if (operations > operationsMax) throw new StoreError('too-many-operations')
  for (const compare of txn.compare) checkKey(compare)
  const left = operationsMax - operations
  let total = txn.compare.length
  for (const op of txn.success) total += checkOperation(op, left)
  for (const op of txn.failure) total += checkOperation(op, left)
  return total
}

function checkOperation(op: RequestOp, operationsLeft: number): number {
  switch (op.kind) {
    case 'range':
    case 'deleteRange':
      checkKey(op.request)
      return 1
    case 'put':
      checkPut(op.request)
      return 1
    case 'txn':
      return 1 + checkOperations(op.request, operationsLeft)
    default:
      return unreachable(op)
  }
}

function isFlatAndSmall(ops: readonly RequestOp[]): boolean {
  return ops.length <= 1 && ops[0]?.kind !== 'txn'
}

interface Touched {
  readonly puts: Set<string>
  readonly deletes: Bounds[]
}

/** Every key one branch may put and range it may delete. Throws when two operations clash. */
function touchedBy(ops: readonly RequestOp[]): Touched {
  const all: Touched = { puts: new Set(), deletes: [] }
  for (const op of ops) {
    const one = touchedByOne(op)
    for (const key of one.puts) {
      if (all.puts.has(key) || isDeleted(all.deletes, key)) throw new StoreError('duplicate-key')
    }
    for (const key of all.puts)
      if (isDeleted(one.deletes, key)) throw new StoreError('duplicate-key')
    for (const key of one.puts) all.puts.add(key)
    all.deletes.push(...one.deletes)
  }
  return all
}

function touchedByOne(op: RequestOp): Touched {
  switch (op.kind) {
    case 'range':
      return { puts: new Set(), deletes: [] }
    case 'put':
      return { puts: new Set([keyString(op.request.key)]), deletes: [] }
    case 'deleteRange':
      return { puts: new Set(), deletes: [boundsOf(op.request)] }
    case 'txn': {
      // Only one of the two branches runs, so they do not clash with one another.
      const success = touchedBy(op.request.success)
      const failure = touchedBy(op.request.failure)
      return {
        puts: new Set([...success.puts, ...failure.puts]),
        deletes: [...success.deletes, ...failure.deletes],
      }
    }
    default:
      return unreachable(op)
  }
}

function isDeleted(deletes: readonly Bounds[], key: string): boolean {
  return deletes.some(bounds => contains(bounds, key))
}

function putBytes(put: PutRequest): number {
  return put.key.length + put.value.length + 16
}

function rangeBytes(range: DeleteRangeRequest | RangeRequest | Compare): number {
  return range.key.length + (range.end?.length ?? 0) + 16
}

function txnBytes(txn: TxnRequest): number {
  let bytes = 0
  for (const compare of txn.compare) {
    bytes += rangeBytes(compare) + (compare.target === 'value' ? compare.value.length : 0)
  }
  for (const op of txn.success) bytes += operationBytes(op)
  for (const op of txn.failure) bytes += operationBytes(op)
  return bytes
}

function operationBytes(op: RequestOp): number {
  switch (op.kind) {
    case 'put':
      return putBytes(op.request)
    case 'range':
    case 'deleteRange':
      return rangeBytes(op.request)
    case 'txn':
      return txnBytes(op.request)
    default:
      return unreachable(op)
  }
}
