// A range read in one go, for transactions and short answers: what a cursor gives, gathered.
// Counterpart: etcd's applier for Range.

import type { Sliced } from '../sliced.js'
import { walkRange } from './range-cursor.js'
import type { RangeSource } from './range-plan.js'
import type { KeyValue, RangeRequest } from '../types.js'

const sliceBytes = 1024 * 1024

export interface RangeResult {
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}

/**
 * Throws `future-revision` or CompactedError. It depends on the state and the request alone, and on
 * no budget, because transactions read with it while they are applied.
 */
export function* readRange(source: RangeSource, request: RangeRequest): Sliced<RangeResult> {
  const walk = walkRange(() => source, request, null)
  const kvs: KeyValue[] = []
  for (;;) {
    const slice = walk.next(sliceBytes)
    for (const kv of slice.kvs) kvs.push(kv)
    if (slice.end !== null) return { kvs, ...slice.end }
    yield
  }
}
