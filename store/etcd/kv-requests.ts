// Requests of the KV service in our form. Counterpart: what etcd's v3rpc checks before it proposes.
// Numbers below zero, which etcd takes where they mean nothing, become what they amount to: our log
// holds none.

import { CompactedError, StoreError } from '../core/errors.js'
import { nobodysLease } from '../core/limits.js'
import type {
  Compare,
  CompareResult,
  DeleteRangeRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  SortTarget,
  TxnRequest,
} from '../core/types.js'
import type * as messages from './messages/kv.js'

const sortOrders = ['none', 'ascend', 'descend'] as const
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value']
const compareResults: readonly CompareResult[] = ['equal', 'greater', 'less', 'notEqual']

function rangeOf(key: Uint8Array, end: Uint8Array): KeyRange {
  return end.length === 0 ? { key } : { key, end }
}

/** Within what our log holds; nothing in the store is larger, so that the end of it will do. */
function natural(value: number): number {
  return Math.min(Math.max(0, value), Number.MAX_SAFE_INTEGER)
}

/** @throws StoreError */
export function rangeRequest(message: messages.RangeRequest): RangeRequest {
  const sortOrder = sortOrders[message.sortOrder]
  const sortTarget = sortTargets[message.sortTarget]
  if (sortOrder === undefined || sortTarget === undefined) throw new StoreError('invalid-sort')
  return {
    ...rangeOf(message.key, message.rangeEnd),
    limit: natural(message.limit),
    revision: natural(message.revision),
    sortOrder,
    sortTarget,
    serializable: message.serializable,
    keysOnly: message.keysOnly,
    countOnly: message.countOnly,
    minModRevision: natural(message.minModRevision),
    maxModRevision: natural(message.maxModRevision),
    minCreateRevision: natural(message.minCreateRevision),
    maxCreateRevision: natural(message.maxCreateRevision),
  }
}

/** @throws StoreError */
export function putRequest(message: messages.PutRequest): PutRequest {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = message
  return { key, value, lease: knownLease(lease), prevKv, ignoreValue, ignoreLease }
}

/** Ids that nobody can have here become the one that nobody gets. */
export function knownLease(lease: number): number {
  return lease >= 0 && lease < nobodysLease ? lease : nobodysLease
}

export function deleteRangeRequest(message: messages.DeleteRangeRequest): DeleteRangeRequest {
  return { ...rangeOf(message.key, message.rangeEnd), prevKv: message.prevKv }
}

/** @throws StoreError */
export function txnRequest(message: messages.TxnRequest): TxnRequest {
  return {
    compare: message.compare.map(compareOf),
    success: message.success.map(operationOf),
    failure: message.failure.map(operationOf),
  }
}

function operationOf(message: messages.RequestOp): RequestOp {
  const { requestRange, requestPut, requestDeleteRange, requestTxn } = message
  if (requestTxn !== null) return { kind: 'txn', request: txnRequest(requestTxn) }
  if (requestDeleteRange !== null) {
    return { kind: 'deleteRange', request: deleteRangeRequest(requestDeleteRange) }
  }
  if (requestPut !== null) return { kind: 'put', request: putRequest(requestPut) }
  if (requestRange !== null) return { kind: 'range', request: rangeRequest(requestRange) }
  // What etcd says of an operation without a request.
  throw new StoreError('key-not-found')
}

/** No number in the store is as large. */
const beyond = Number.MAX_SAFE_INTEGER

function compareOf(message: messages.Compare): Compare {
  const range = rangeOf(message.key, message.rangeEnd)
  const result = compareResults[message.result]
  if (result === undefined) throw new StoreError('malformed', 'a comparison is not known')
  const number = (operand: number | null): { result: CompareResult; operand: number } => {
    const given = operand ?? 0
    if (given >= 0) return { result, operand: natural(given) }
    // Every number of the store is greater than one below zero.
    const holds = result === 'greater' || result === 'notEqual'
    return { result: holds ? 'notEqual' : 'equal', operand: beyond }
  }
  switch (message.target) {
    case 0: {
      const { result, operand } = number(message.version)
      return { ...range, result, target: 'version', version: operand }
    }
    case 1: {
      const { result, operand } = number(message.createRevision)
      return { ...range, result, target: 'create', createRevision: operand }
    }
    case 2: {
      const { result, operand } = number(message.modRevision)
      return { ...range, result, target: 'mod', modRevision: operand }
    }
    case 3:
      return { ...range, result, target: 'value', value: message.value ?? new Uint8Array(0) }
    case 4: {
      const { result, operand } = number(message.lease)
      return { ...range, result, target: 'lease', lease: operand }
    }
    default:
      throw new StoreError('malformed', 'a target of a comparison is not known')
  }
}

/** @throws CompactedError for what can only have been compacted. */
export function compactRevision(revision: number, compacted: number): number {
  if (revision < 0) throw new CompactedError(compacted)
  return natural(revision)
}
