// Transactions: compares decide which branch runs, then its operations run in order under one
// revision. Counterpart: etcd's txn package. In this order, as there: every compare on the chosen
// path, nested ones too, against the state before; then what could fail; then the writes.

import { must, unreachable } from '../../platform/errors.js'
import { CompactedError, StoreError } from './errors.js'
import type { KeyVersion } from './keys/key-leaf.js'
import { boundsOf, compareBytes, keyString } from './key-range.js'
import type { Kv } from './kv.js'
import type { Counts } from './counts.js'
import type { KeyEntry } from './keys/key-entry.js'
import { type RangeSource, checkReadable, liveAt } from './range/range-plan.js'
import { readRange } from './range/range.js'
import { type Pace, type Sliced, workOf } from './sliced.js'
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

/** What a transaction reads, at one revision or, once it has written, at its own. */
export interface TxnSource extends RangeSource {
  readonly counts: Counts
  readonly pace: Pace
}

/** True when neither branch, nested ones included, can write. */
export function isReadOnlyTxn(txn: TxnRequest): boolean {
  return txn.success.every(isReadOnlyOp) && txn.failure.every(isReadOnlyOp)
}

function isReadOnlyOp(op: RequestOp): boolean {
  return op.kind === 'range' || (op.kind === 'txn' && isReadOnlyTxn(op.request))
}

/** Runs a transaction that passed checkTxn. Throws StoreError, and has then changed nothing. */
export function* runTxn(kv: Kv, txn: TxnRequest, header: MakeHeader): Sliced<TxnResponse> {
  const path = yield* choosePath(kv, txn)
  checkPuts(kv, txn, path)
  checkRanges(kv, txn, path)
  countTxn(kv, txn, path)
  kv.begin()
  const response = yield* run(kv, kv, txn, path, header)
  const revision = kv.readRevision
  kv.end()
  const { succeeded, responses } = response
  return { header: header(revision), succeeded, responses }
}

/** Runs a transaction that writes nothing. Throws StoreError. */
export function* readTxn(
  source: TxnSource,
  txn: TxnRequest,
  header: MakeHeader,
): Sliced<TxnResponse> {
  const path = yield* choosePath(source, txn)
  checkRanges(source, txn, path)
  countTxn(source, txn, path)
  return yield* run(source, null, txn, path, header)
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

function* choosePath(source: TxnSource, txn: TxnRequest): Sliced<Path> {
  const succeeded = yield* allHold(source, txn.compare)
  const nested: Path[] = []
  for (const op of succeeded ? txn.success : txn.failure) {
    if (op.kind === 'txn') nested.push(yield* choosePath(source, op.request))
  }
  return { succeeded, nested }
}

/** Puts first, wherever they stand, then ranges: the first refusal is the one that clients see. */
function checkPuts(kv: Kv, txn: TxnRequest, path: Path): void {
  eachOnPath(txn, path, op => {
    if (op.kind !== 'put') return
    checkKeyOf(kv, op.request)
    checkLeaseOf(kv, op.request)
  })
}

/** Before anything is written: what is written first does not count as the newest. */
function checkRanges(source: TxnSource, txn: TxnRequest, path: Path): void {
  const { readRevision, compactRevision } = source
  eachOnPath(txn, path, op => {
    if (op.kind === 'range') checkReadable(op.request.revision ?? 0, readRevision, compactRevision)
  })
}

function eachOnPath(txn: TxnRequest, path: Path, visit: (op: RequestOp) => void): void {
  let nested = 0
  for (const op of path.succeeded ? txn.success : txn.failure) {
    if (op.kind !== 'txn') visit(op)
    else eachOnPath(op.request, must(path.nested[nested++], 'a path for each transaction'), visit)
  }
}

function countTxn({ counts }: TxnSource, txn: TxnRequest, path: Path): void {
  let operations = 0
  eachOnPath(txn, path, op => {
    operations++
    if (op.kind === 'range') counts.ranges++
  })
  if (operations > 1) counts.transactions++
}

/** `kv` is who writes; null where nothing may be written. */
function* run(
  source: TxnSource,
  kv: Kv | null,
  txn: TxnRequest,
  path: Path,
  header: MakeHeader,
): Sliced<TxnResponse> {
  let nested = 0
  const responses: ResponseOp[] = []
  for (const op of path.succeeded ? txn.success : txn.failure) {
    switch (op.kind) {
      case 'range': {
        const result = yield* readRange(source, op.request)
        responses.push({
          kind: 'range',
          response: { header: header(source.readRevision), ...result },
        })
        break
      }
      case 'put': {
        const prevKv = must(kv, 'somebody who writes').put(op.request)
        responses.push({ kind: 'put', response: { header: header(source.readRevision), prevKv } })
        break
      }
      case 'deleteRange': {
        const result = yield* must(kv, 'somebody who writes').deleteRange(op.request)
        responses.push({
          kind: 'deleteRange',
          response: { header: header(source.readRevision), ...result },
        })
        break
      }
      case 'txn': {
        const chosen = must(path.nested[nested++], 'a path for each transaction')
        const response = yield* run(source, kv, op.request, chosen, header)
        responses.push({ kind: 'txn', response })
        break
      }
      default:
        return unreachable(op)
    }
  }
  return { header: header(source.readRevision), succeeded: path.succeeded, responses }
}

const noBytes = new Uint8Array(0)
const missing: KeyVersion = {
  modRevision: 0,
  ordinal: 0,
  createRevision: 0,
  version: 0,
  lease: 0,
}

function* allHold(source: TxnSource, compares: readonly Compare[]): Sliced<boolean> {
  for (const compare of compares) {
    const { start, end, single } = boundsOf(compare)
    const held = single
      ? passes(source, compare, versionOf(source, source.index.get(start)) ?? missing)
      : yield* rangeHolds(source, compare, start, end)
    if (!held) return false
  }
  return true
}

/** Over a range every key must pass; an empty range stands for one missing key. */
function* rangeHolds(
  source: TxnSource,
  compare: Compare,
  start: string,
  end: string | null,
): Sliced<boolean> {
  const work = compare.target === 'value' ? workOf.reading : 1
  let found = false
  let passed = true
  for (let from: string | null = start; from !== null; ) {
    from = source.index.ascendSlice(from, end, entry => {
      const version = versionOf(source, entry)
      if (version !== null) {
        found = true
        passed = passes(source, compare, version)
      }
      return source.pace.spend(work) || !passed
    })
    if (!passed) return false
    if (from !== null) yield
  }
  return found || passes(source, compare, missing)
}

/** The live one, at the revision that is read. A compaction may have overtaken a sliced reading. */
function versionOf(source: TxnSource, entry: KeyEntry | undefined): KeyVersion | null {
  const { readRevision, compactRevision } = source
  if (readRevision < compactRevision) throw new CompactedError(compactRevision)
  return entry === undefined ? null : liveAt(entry, readRevision)
}

function passes(source: TxnSource, compare: Compare, version: KeyVersion): boolean {
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
      const { value } = source.rows.read(version.ordinal)
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
