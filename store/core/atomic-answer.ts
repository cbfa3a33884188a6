// How long the answer of a transaction or a deletion would be. Such an answer is made in one piece while
// the command is applied, on every member, and again whenever the log is replayed: one that does not fit
// into memory would take down all of them, for good. So it is looked at before anything is proposed, in
// the state as it is then; what is under way already may still add a little. That is no rule of the
// replicated state, which may never change: what stands in the log is applied however long its answer is.
// Counterpart in etcd: none.

import { RaftsmanError, unreachable } from '../../platform/errors.js'
import type { Command } from './command.js'
import { StoreError } from './errors.js'
import { boundsOf } from './key-range.js'
import { requestBytesMax } from './limits.js'
import { walkRange } from './range/range-cursor.js'
import type { RangeSource } from './range/range-plan.js'
import { SortMemory } from './range/range-sort.js'
import { rowBytes } from './row-store.js'
import type { RangeRequest, RequestOp } from './types.js'

/** Looked at in one go. */
const sliceBytes = 1024 * 1024

/**
 * Of transactions whichever branch is longer counts; a few keys count as of the largest size there is,
 * so that no value is read for them. Throws `answer-too-large` and BackendError.
 */
export function checkAnswer(source: RangeSource, command: Command, bytesMax: number): void {
  const { kind, once } = command
  if (kind !== 'txn' && kind !== 'deleteRange') return
  const op: RequestOp =
    kind === 'txn' ? { kind, request: command.request } : { kind, request: command.request }
  if (keysOf(source, op) * requestBytesMax <= bytesMax) return
  if (bytesOf(source, op, bytesMax) <= bytesMax) return
  throw new RaftsmanError(
    `what it would answer in one piece is longer than ${bytesMax} bytes; ask for less`,
    {
      code: 'answer-too-large',
      retryable: false,
      // One with a name may have been applied before, when there was less.
      outcome: once === undefined ? 'not-applied' : 'unknown',
    },
  )
}

/** The most that there can be; infinite where only a walk could tell. Of what will be refused none. */
function keysOf(source: RangeSource, op: RequestOp): number {
  switch (op.kind) {
    case 'put':
    case 'range':
    case 'deleteRange': {
      const read = readBy(op)
      if (read === null) return 0
      const { start, end, single } = boundsOf(read)
      if (single) return 1
      const { limit: wanted = 0 } = read
      const limit = wanted > 0 ? wanted : Number.POSITIVE_INFINITY
      const asked = read.revision ?? 0
      if (asked > source.readRevision || (asked > 0 && asked < source.compactRevision)) return 0
      const revision = asked > 0 ? asked : source.readRevision
      const count = source.index.countLiveAt(revision, start, end)
      return Math.min(limit, count ?? Number.POSITIVE_INFINITY)
    }
    case 'txn': {
      const sum = (ops: readonly RequestOp[]) =>
        ops.reduce((keys, one) => keys + keysOf(source, one), 0)
      return Math.max(sum(op.request.success), sum(op.request.failure))
    }
    default:
      return unreachable(op)
  }
}

/** Exact up to `bytesMax`, more than that beyond. */
function bytesOf(source: RangeSource, op: RequestOp, bytesMax: number): number {
  if (op.kind !== 'txn') return bytesRead(source, readBy(op), bytesMax)
  const sum = (ops: readonly RequestOp[]) => {
    let bytes = 0
    for (const one of ops) {
      bytes += bytesOf(source, one, bytesMax - bytes)
      if (bytes > bytesMax) break
    }
    return bytes
  }
  return Math.max(sum(op.request.success), sum(op.request.failure))
}

/** What is read for an answer; null: nothing. */
function readBy(op: Exclude<RequestOp, { kind: 'txn' }>): RangeRequest | null {
  if (op.kind === 'range') return op.request.countOnly === true ? null : op.request
  if (op.request.prevKv !== true) return null
  return op.kind === 'put' ? { key: op.request.key } : op.request
}

function bytesRead(source: RangeSource, request: RangeRequest | null, bytesMax: number): number {
  if (request === null) return 0
  let bytes = 0
  try {
    const walk = walkRange(() => source, request, new SortMemory(bytesMax))
    for (;;) {
      const { kvs, end } = walk.next(sliceBytes)
      for (const kv of kvs) bytes += rowBytes(kv)
      if (end !== null || bytes > bytesMax) return bytes
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    // A revision that cannot be read is refused in its own words later.
    return error.code === 'sort-too-large' ? Number.POSITIVE_INFINITY : 0
  }
}
