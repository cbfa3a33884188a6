// Transactions: compares decide which branch runs, then its operations run in order under one
// revision. Counterpart: etcd's txn package. In this order, as there: every compare on the chosen
// path, nested ones too, against the state before; then what could fail; then the writes.

import { must, unreachable } from '../../platform/errors.js'
import { StoreError } from './errors.js'
import type { KeyVersion } from './keys/key-leaf.js'
import { boundsOf, compareBytes, keyString } from './key-range.js'
import type { Kv } from './kv.js'
import { checkReadable } from './range/range-plan.js'
import { readRange } from './range/range.js'
import type {
  Compare,
  CompareResult,
  PutRequest,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  Revision,
  TxnRequest,
  TxnResponse,
} from './types.js'

/** Which branch was chosen, and the same for the transactions in it, in their order. */
interface Path {
  readonly succeeded: boolean
  readonly nested: readonly Path[]
}

export type MakeHeader = (revision: Revision) => ResponseHeader

/** True when neither branch, nested ones included, can write. */
export function isReadOnlyTxn(txn: TxnRequest): boolean {
  return txn.success.every(isReadOnlyOp) && txn.failure.every(isReadOnlyOp)
}

function isReadOnlyOp(op: RequestOp): boolean {
  return op.kind === 'range' || (op.kind === 'txn' && isReadOnlyTxn(op.request))
}

/** Runs a transaction that passed checkTxn. Throws StoreError, and has then changed nothing. */
export function runTxn(kv: Kv, txn: TxnRequest, header: MakeHeader): TxnResponse {
  const path = choosePath(kv, txn)
  checkPath(kv, txn, path)
  countTxn(kv, txn, path)
  kv.begin()
  const response = run(kv, txn, path, header)
  const revision = kv.readRevision
  kv.end()
  return { ...response, header: header(revision) }
}

/** Runs a transaction that writes nothing. Throws StoreError. */
export function readTxn(kv: Kv, txn: TxnRequest, header: MakeHeader): TxnResponse {
  const path = choosePath(kv, txn)
  checkPath(kv, txn, path)
  countTxn(kv, txn, path)
  return run(kv, txn, path, header)
}

/**
 * What a put needs of the state. etcd looks for the lease first, but in a transaction for the key
 * first; clients see which. Throws `key-not-found`, `lease-not-found`.
 */
export function checkPutOnState(kv: Kv, put: PutRequest): void {
  checkLeaseOf(kv, put)
  checkKeyOf(kv, put)
}

function checkKeyOf(kv: Kv, put: PutRequest): void {
  if (put.ignoreValue !== true && put.ignoreLease !== true) return
  if (kv.live(keyString(put.key)) === undefined) throw new StoreError('key-not-found')
}

function checkLeaseOf(kv: Kv, put: PutRequest): void {
  const lease = put.lease ?? 0
  if (lease !== 0 && kv.leases.get(lease) === undefined) throw new StoreError('lease-not-found')
}

function choosePath(kv: Kv, txn: TxnRequest): Path {
  const succeeded = txn.compare.every(compare => holds(kv, compare))
  const nested: Path[] = []
  for (const op of succeeded ? txn.success : txn.failure) {
    if (op.kind === 'txn') nested.push(choosePath(kv, op.request))
  }
  return { succeeded, nested }
}

/** Puts first, wherever they stand, then ranges: the first refusal is the one that clients see. */
function checkPath(kv: Kv, txn: TxnRequest, path: Path): void {
  eachOnPath(txn, path, op => {
    if (op.kind !== 'put') return
    checkKeyOf(kv, op.request)
    checkLeaseOf(kv, op.request)
  })
  eachOnPath(txn, path, op => {
    if (op.kind !== 'range') return
    checkReadable(op.request.revision ?? 0, kv.revision, kv.compactRevision)
  })
}

function eachOnPath(txn: TxnRequest, path: Path, visit: (op: RequestOp) => void): void {
  let nested = 0
  for (const op of path.succeeded ? txn.success : txn.failure) {
    if (op.kind !== 'txn') visit(op)
    else eachOnPath(op.request, must(path.nested[nested++], 'a path for each transaction'), visit)
  }
}

function countTxn({ counts }: Kv, txn: TxnRequest, path: Path): void {
  let operations = 0
  eachOnPath(txn, path, op => {
    operations++
    if (op.kind === 'range') counts.ranges++
  })
  if (operations > 1) counts.transactions++
}

function run(kv: Kv, txn: TxnRequest, path: Path, header: MakeHeader): TxnResponse {
  let nested = 0
  const responses = (path.succeeded ? txn.success : txn.failure).map((op): ResponseOp => {
    switch (op.kind) {
      case 'range': {
        const result = readRange(kv, op.request)
        return { kind: 'range', response: { header: header(kv.readRevision), ...result } }
      }
      case 'put': {
        const prevKv = kv.put(op.request)
        return { kind: 'put', response: { header: header(kv.readRevision), prevKv } }
      }
      case 'deleteRange': {
        const result = kv.deleteRange(op.request)
        return { kind: 'deleteRange', response: { header: header(kv.readRevision), ...result } }
      }
      case 'txn': {
        const chosen = must(path.nested[nested++], 'a path for each transaction')
        return { kind: 'txn', response: run(kv, op.request, chosen, header) }
      }
      default:
        return unreachable(op)
    }
  })
  return { header: header(kv.readRevision), succeeded: path.succeeded, responses }
}

const noBytes = new Uint8Array(0)
const missing: KeyVersion = {
  modRevision: 0,
  ordinal: 0,
  createRevision: 0,
  version: 0,
  lease: 0,
}

/** Over a range every key must pass; an empty range stands for one missing key. */
function holds(kv: Kv, compare: Compare): boolean {
  const { start, end, single } = boundsOf(compare)
  if (single) return passes(kv, compare, kv.live(start) ?? missing)
  let found = false
  let passed = true
  kv.index.ascend(start, end, entry => {
    if (entry.version === 0) return true
    found = true
    passed = passes(kv, compare, entry)
    return passed
  })
  return found ? passed : passes(kv, compare, missing)
}

function passes(kv: Kv, compare: Compare, version: KeyVersion): boolean {
  switch (compare.target) {
    case 'version':
      return matches(compare.result, version.version - compare.version)
    case 'create':
      return matches(compare.result, version.createRevision - compare.createRevision)
    case 'mod':
      return matches(compare.result, version.modRevision - compare.modRevision)
    case 'lease':
      return matches(compare.result, version.lease - compare.lease)
    case 'value': {
      // A missing key has no value that could be compared, not even for inequality.
      if (version.version === 0) return false
      const { value } = kv.rows.read(version.ordinal)
      return matches(compare.result, compareBytes(value, compare.value ?? noBytes))
    }
    default:
      return unreachable(compare)
  }
}

function matches(result: CompareResult, difference: number): boolean {
  switch (result) {
    case 'equal':
      return difference === 0
    case 'notEqual':
      return difference !== 0
    case 'greater':
      return difference > 0
    case 'less':
      return difference < 0
    default:
      return unreachable(result)
  }
}
