// How long the answer of a transaction or a deletion would be. Such an answer is made in one piece while
// the command is applied, on every member, and again whenever the log is replayed: one that does not fit
// into memory would take down all of them, for good. So it is looked at before anything is proposed, in
// the state as it is then; what is under way already may still add a little. That is no rule of the
// replicated state, which may never change: what stands in the log is applied however long its answer is.
// Counterpart in etcd: none.

import { RaftsmanError, unreachable } from '../../platform/errors.js'
import type { Command } from './command.js'
import { CompactedError, rangeInterrupted, StoreError } from './errors.js'
import { boundsOf, keyString } from './key-range.js'
import { walkRange } from './range/range-cursor.js'
import type { RangeSource } from './range/range-plan.js'
import { SortMemory } from './range/range-sort.js'
import { rowBytes, rowOverheadBytes } from './row-store.js'
import type { Sliced } from './sliced.js'
import type { PutRequest, RangeRequest, RequestOp } from './types.js'

/** Looked at in one go. */
const sliceBytes = 1024 * 1024

export interface AnswerSource extends RangeSource {
  readonly content: { readonly longestBytes: number }
}

/** What a command itself puts. Its ranges may read it again; no other put or deletion may touch the key. */
interface Puts {
  readonly all: readonly PutRequest[]
  readonly longestBytes: number
  readonly bytes: number
}

/**
 * Of transactions whichever branch is longer counts. Where it could not be too long if all that is read were
 * of the greatest length that there is, no value is read: null, it fits. Else the work of finding out, which
 * throws `answer-too-large`, `range-interrupted` and BackendError.
 */
export function checkAnswer(
  source: AnswerSource,
  command: Command,
  bytesMax: number,
): Sliced<void> | null {
  const { kind } = command
  if (kind !== 'txn' && kind !== 'deleteRange') return null
  const op: RequestOp =
    kind === 'txn' ? { kind, request: command.request } : { kind, request: command.request }
  const puts = putsOf(op)
  if (boundOf(source, op, puts) <= bytesMax) return null
  return measure(source, op, bytesMax, puts)
}

function* measure(source: RangeSource, op: RequestOp, bytesMax: number, puts: Puts): Sliced<void> {
  if ((yield* bytesOf(source, op, bytesMax, puts)) <= bytesMax) return
  throw new RaftsmanError(
    `what it would answer in one piece is longer than ${bytesMax} bytes; ask for less`,
    // Of this sending: one of before under the same name may have been applied, when there was less.
    { code: 'answer-too-large', retryable: false, outcome: 'not-applied' },
  )
}

function putsOf(op: RequestOp): Puts {
  const all = [...eachPut(op)]
  const lengths = all.map(({ key, value }) => key.length + value.length + rowOverheadBytes)
  return {
    all,
    longestBytes: lengths.reduce((most, length) => Math.max(most, length), 0),
    bytes: lengths.reduce((sum, length) => sum + length, 0),
  }
}

function* eachPut(op: RequestOp): Iterable<PutRequest> {
  if (op.kind === 'put') yield op.request
  else if (op.kind === 'txn')
    for (const one of [...op.request.success, ...op.request.failure]) yield* eachPut(one)
}

/** No less than it can be; infinite where only a walk could tell. Of what will be refused nothing. */
function boundOf(source: AnswerSource, op: RequestOp, puts: Puts): number {
  switch (op.kind) {
    case 'put':
    case 'range':
    case 'deleteRange': {
      const read = readBy(op)
      if (read === null) return 0
      const longest = source.content.longestBytes + rowOverheadBytes
      const { start, end, single } = boundsOf(read)
      if (single) return Math.max(longest, puts.longestBytes)
      const { limit: wanted = 0 } = read
      const limit = wanted > 0 ? wanted : Number.POSITIVE_INFINITY
      const asked = read.revision ?? 0
      if (asked > source.readRevision || (asked > 0 && asked < source.compactRevision)) return 0
      const revision = asked > 0 ? asked : source.readRevision
      const count = source.index.countLiveAt(revision, start, end)
      return Math.min(limit, count ?? Number.POSITIVE_INFINITY) * longest + puts.bytes
    }
    case 'txn': {
      const sum = (ops: readonly RequestOp[]) =>
        ops.reduce((bytes, one) => bytes + boundOf(source, one, puts), 0)
      return Math.max(sum(op.request.success), sum(op.request.failure))
    }
    default:
      return unreachable(op)
  }
}

/** Up to `bytesMax`, more than that beyond; what is put counts wherever it could be read again. */
function* bytesOf(
  source: RangeSource,
  op: RequestOp,
  bytesMax: number,
  puts: Puts,
): Sliced<number> {
  if (op.kind !== 'txn') {
    const again = op.kind === 'range' ? bytesPut(op.request, puts) : 0
    return (yield* bytesRead(source, readBy(op), bytesMax)) + again
  }
  let longest = 0
  for (const branch of [op.request.success, op.request.failure]) {
    let bytes = 0
    for (const one of branch) {
      bytes += yield* bytesOf(source, one, bytesMax - bytes, puts)
      if (bytes > bytesMax) break
    }
    longest = Math.max(longest, bytes)
  }
  return longest
}

function bytesPut(request: RangeRequest, { all, longestBytes }: Puts): number {
  if (all.length === 0 || request.countOnly === true || (request.revision ?? 0) > 0) return 0
  const { start, end } = boundsOf(request)
  const within = (key: string) => key >= start && (end === null || key < end)
  const count = all.filter(({ key }) => within(keyString(key))).length
  const { limit = 0, keysOnly = false } = request
  return keysOnly ? 0 : Math.min(count, limit > 0 ? limit : count) * longestBytes
}

/** What is read for an answer; null: nothing. */
function readBy(op: Exclude<RequestOp, { kind: 'txn' }>): RangeRequest | null {
  if (op.kind === 'range') return op.request.countOnly === true ? null : op.request
  if (op.request.prevKv !== true) return null
  return op.kind === 'put' ? { key: op.request.key } : op.request
}

function* bytesRead(
  source: RangeSource,
  request: RangeRequest | null,
  bytesMax: number,
): Sliced<number> {
  if (request === null) return 0
  let bytes = 0
  try {
    const walk = walkRange(() => source, request, new SortMemory(bytesMax))
    for (;;) {
      const { kvs, end } = walk.next(sliceBytes)
      for (const kv of kvs) bytes += rowBytes(kv)
      if (end !== null || bytes > bytesMax) return bytes
      yield
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (error instanceof CompactedError && (request.revision ?? 0) <= 0) throw rangeInterrupted()
    // A revision that cannot be read is refused in its own words later.
    return error.code === 'sort-too-large' ? Number.POSITIVE_INFINITY : 0
  }
}
