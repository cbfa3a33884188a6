// A range read slice by slice, all of it at one revision, whatever is written meanwhile. Counterpart:
// etcd's Range and RangeStream. A cursor over keys in order holds a position and nothing else; the
// other orders are in range-sort.ts. What can be decided by the index alone (counts, filters, most
// orders, keysOnly) reads no value.

import { assert } from '../../../platform/errors.js'
import type { KeyEntry } from '../keys/key-entry.js'
import {
  type RangePlan,
  type RangeSource,
  SliceBudget,
  checkReadable,
  countWithoutWalk,
  liveAt,
  materialize,
  planOf,
} from './range-plan.js'
import { type SortMemory, SortedWalk } from './range-sort.js'
import type { RangeCursor, RangeSlice, RangeWalk } from '../replica.js'
import { rowBytes } from '../row-store.js'
import type { KeyValue, RangeRequest, ResponseHeader, Revision } from '../types.js'

/** `source` answers the present state: another one may have taken its place between two slices. */
export function walkRange(
  source: () => RangeSource,
  request: RangeRequest,
  memory: SortMemory | null,
): RangeWalk {
  const { readRevision, compactRevision } = source()
  const asked = request.revision ?? 0
  checkReadable(asked, readRevision, compactRevision)
  const plan = planOf(request, asked <= 0 ? readRevision : asked)
  const target = request.sortTarget ?? 'key'
  if (target === 'key' || request.countOnly === true || plan.bounds.single) {
    return new KeyWalk(source, plan, request.sortOrder === 'descend')
  }
  const order = { target, descend: request.sortOrder === 'descend', candidatesMax: 0 }
  // As etcd has it: without an order, what is sorted is what the limit leaves of the keys in order.
  const unordered = (request.sortOrder ?? 'none') === 'none'
  if (unordered && plan.limit > 0 && plan.filter === null) order.candidatesMax = plan.limit + 1
  return new SortedWalk(source, plan, order, memory)
}

/** `header` is that of the moment. */
export function openRange(
  source: () => RangeSource,
  request: RangeRequest,
  header: ResponseHeader,
  memory: SortMemory,
): RangeCursor {
  const walk = walkRange(source, request, memory)
  return {
    header,
    revision: walk.revision,
    next: bytesMax => walk.next(bytesMax),
    close: () => walk.close(),
  }
}

/** Keys in order, or in the opposite order. */
class KeyWalk implements RangeWalk {
  readonly revision: Revision
  readonly #source: () => RangeSource
  readonly #plan: RangePlan
  readonly #descend: boolean
  /** What is left to be looked at: descending from `#end`, else ascending from `#start`. */
  #start: string
  #end: string | null
  /** Null: found by walking. */
  readonly #countKnown: number | null
  #counted = 0
  #taken = 0
  #takenBytes = 0
  /** Limit or page are full, and there was another one. */
  #more = false
  #taking: boolean
  #ended = false

  constructor(source: () => RangeSource, plan: RangePlan, descend: boolean) {
    this.revision = plan.revision
    this.#source = source
    this.#plan = plan
    this.#descend = descend
    this.#start = plan.bounds.start
    this.#end = plan.bounds.end
    this.#countKnown = countWithoutWalk(source(), plan)
    this.#taking = !plan.countOnly
  }

  next(bytesMax: number): RangeSlice {
    assert(!this.#ended, 'a range that has ended is not read on')
    const source = this.#source()
    checkReadable(this.revision, source.readRevision, source.compactRevision)
    const kvs: KeyValue[] = []
    const needsWalk = this.#taking || this.#countKnown === null
    if (needsWalk && !this.#walk(source, new SliceBudget(bytesMax), kvs)) return { kvs, end: null }
    this.#ended = true
    return { kvs, end: { more: this.#more, count: this.#countKnown ?? this.#counted } }
  }

  close(): void {
    this.#ended = true
  }

  /** True when nothing is left to be looked at. */
  #walk(source: RangeSource, budget: SliceBudget, into: KeyValue[]): boolean {
    const { single } = this.#plan.bounds
    let finished = true
    const visit = (entry: KeyEntry): boolean => {
      if (budget.spent) {
        this.#leaveOffBefore(entry.key)
        finished = false
        return false
      }
      budget.looked()
      this.#visit(entry, source, budget, into)
      return this.#taking || this.#countKnown === null
    }
    if (single) {
      const entry = source.index.get(this.#start)
      if (entry !== undefined) visit(entry)
    } else if (this.#descend) source.index.descend(this.#start, this.#end, visit)
    else source.index.ascend(this.#start, this.#end, visit)
    return finished
  }

  #leaveOffBefore(key: string): void {
    if (this.#descend) this.#end = `${key}\0`
    else this.#start = key
  }

  #visit(entry: KeyEntry, source: RangeSource, budget: SliceBudget, into: KeyValue[]): void {
    const { limit, filter, keysOnly, bytesMax } = this.#plan
    const version = liveAt(entry, this.revision)
    if (version === null) return
    this.#counted++
    if (!this.#taking || (filter !== null && !filter(version))) return
    if ((limit > 0 && this.#taken === limit) || this.#takenBytes >= bytesMax) {
      this.#more = true
      this.#taking = false
      return
    }
    const kv = materialize(entry, version, source.rows, keysOnly)
    into.push(kv)
    this.#taken++
    this.#takenBytes += rowBytes(kv)
    budget.took(kv, keysOnly)
  }
}
