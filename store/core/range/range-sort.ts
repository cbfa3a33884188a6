// Ranges in another order than that of keys: the whole range is looked at before the first key-value
// goes out, a slice at a time. Candidates are gathered in runs, each sorted by itself, and the runs
// are merged while they are read. What is kept of a candidate is its number in the order and its row,
// under a budget that all such ranges of a member share; where values decide the order, the values.
// Counterpart: the sorting in etcd's applier, which holds everything and has no limit.

import { assert, must } from '../../../platform/errors.js'
import type { Ordinal } from '../backend.js'
import { StoreError } from '../errors.js'
import type { KeyEntry } from '../keys/key-entry.js'
import { compareBytes } from '../key-range.js'
import {
  type RangePlan,
  type RangeSource,
  SliceBudget,
  checkReadable,
  countWithoutWalk,
  liveAt,
  materialize,
} from './range-plan.js'
import type { RangeSlice, RangeWalk } from '../replica.js'
import type { Bytes, KeyValue, Revision, SortTarget } from '../types.js'

/** Candidates sorted at once. */
const runLength = 2_048
/** With a small limit, runs are merged into one when there are this many. */
const runsKept = 16
/** Of a candidate in any order but that of values; those bring their values, and names their length. */
const candidateBytes = 48
const textOverheadBytes = 48

/** What sorted ranges may hold, all together. */
export class SortMemory {
  readonly bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws `sort-too-large`, or `sort-memory-taken` where it is others that hold it. */
  take(bytes: number, held: number): void {
    if (held + bytes > this.bytesMax) throw new StoreError('sort-too-large')
    if (this.#bytes + bytes > this.bytesMax) throw new StoreError('sort-memory-taken')
    this.#bytes += bytes
  }

  give(bytes: number): void {
    assert(bytes <= this.#bytes, 'no more is given back than was taken')
    this.#bytes -= bytes
  }
}

export interface Order {
  readonly target: Exclude<SortTarget, 'key'>
  readonly descend: boolean
  /** Only the first ones in the order of keys are sorted; 0: all. */
  readonly candidatesMax: number
}

interface Candidate {
  /** What it is sorted by, unless that is its value. */
  readonly rank: number
  /** Kept where values decide. */
  readonly value: Bytes | null
  readonly ordinal: Ordinal
  /** Kept where no value is to be read. */
  readonly key: string | null
}

type Run = readonly Candidate[]

export class SortedWalk implements RangeWalk {
  readonly revision: Revision
  readonly #source: () => RangeSource
  readonly #plan: RangePlan
  readonly #order: Order
  readonly #memory: SortMemory | null
  #held = 0
  readonly #countKnown: number | null
  #counted = 0
  /** Candidates found, also those that the limit has cut off since. */
  #found = 0
  #position: string
  #gathered: Candidate[] = []
  #runs: Run[] = []
  #merge: Merge | null = null
  #given = 0
  #givenBytes = 0
  #ended = false

  constructor(source: () => RangeSource, plan: RangePlan, order: Order, memory: SortMemory | null) {
    this.revision = plan.revision
    this.#source = source
    this.#plan = plan
    this.#order = order
    this.#memory = memory
    this.#countKnown = countWithoutWalk(source(), plan)
    this.#position = plan.bounds.start
  }

  next(bytesMax: number): RangeSlice {
    assert(!this.#ended, 'a range that has ended is not read on')
    try {
      return this.#next(bytesMax)
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#ended = true
    this.#memory?.give(this.#held)
    this.#held = 0
    this.#runs = []
    this.#gathered = []
    this.#merge = null
  }

  #next(bytesMax: number): RangeSlice {
    const source = this.#source()
    checkReadable(this.revision, source.readRevision, source.compactRevision)
    if (this.#merge === null) {
      const gathered = this.#gather(source)
      if (this.#gathered.length >= runLength || gathered) this.#finishRun()
      if (!gathered) return { kvs: [], end: null }
      this.#merge = new Merge(this.#runs, this.#compare)
      this.#runs = []
    }
    const kvs: KeyValue[] = []
    if (!this.#give(this.#merge, source, new SliceBudget(bytesMax), kvs)) return { kvs, end: null }
    const end = { more: this.#found > this.#given, count: this.#countKnown ?? this.#counted }
    this.close()
    return { kvs, end }
  }

  /** True when the range has been looked at to its end. */
  #gather(source: RangeSource): boolean {
    const { bounds, filter } = this.#plan
    const budget = new SliceBudget(Number.POSITIVE_INFINITY)
    let finished = true
    source.index.ascend(this.#position, bounds.end, entry => {
      if (budget.spent || this.#gathered.length >= runLength) {
        this.#position = entry.key
        finished = false
        return false
      }
      budget.looked()
      const version = liveAt(entry, this.revision)
      if (version === null) return true
      this.#counted++
      const { candidatesMax } = this.#order
      if (candidatesMax > 0 && this.#found >= candidatesMax) return this.#countKnown === null
      if (filter === null || filter(version)) this.#keep(entry, source, budget)
      return true
    })
    return finished
  }

  #keep(entry: KeyEntry, source: RangeSource, budget: SliceBudget): void {
    const version = must(liveAt(entry, this.revision), 'a candidate lives')
    const { target } = this.#order
    let value: Bytes | null = null
    if (target === 'value') {
      const kv = source.rows.read(version.ordinal)
      budget.took(kv, false)
      value = kv.value
    }
    const rank =
      target === 'version'
        ? version.version
        : target === 'create'
          ? version.createRevision
          : version.modRevision
    const key = this.#plan.keysOnly ? entry.key : null
    const candidate = { rank, value, ordinal: version.ordinal, key }
    this.#take(costOf(candidate))
    this.#found++
    this.#gathered.push(candidate)
  }

  #finishRun(): void {
    // Candidates come in the order of keys, and sorting is stable: equal ones stay in that order.
    this.#runs.push(this.#cut(this.#gathered.sort(this.#compare)))
    this.#gathered = []
    const { limit } = this.#plan
    if (limit === 0 || limit > runLength || this.#runs.length < runsKept) return
    const merge = new Merge(this.#runs, this.#compare)
    const all: Candidate[] = []
    for (let one = merge.take(); one !== null; one = merge.take()) all.push(one)
    this.#runs = [this.#cut(all)]
  }

  /** What is behind the limit already is behind it in the end. */
  #cut(sorted: Candidate[]): Run {
    const { limit } = this.#plan
    if (limit === 0 || sorted.length <= limit) return sorted
    let bytes = 0
    for (const candidate of sorted.splice(limit)) bytes += costOf(candidate)
    this.#held -= bytes
    this.#memory?.give(bytes)
    return sorted
  }

  /** True when all has been given that is to be. */
  #give(merge: Merge, source: RangeSource, budget: SliceBudget, into: KeyValue[]): boolean {
    const { limit, keysOnly, bytesMax } = this.#plan
    for (;;) {
      if ((limit > 0 && this.#given === limit) || this.#givenBytes >= bytesMax) return true
      if (budget.spent) return false
      const candidate = merge.take()
      if (candidate === null) return true
      const kv = this.#read(candidate, source)
      into.push(kv)
      this.#given++
      this.#givenBytes += kv.key.length + kv.value.length
      budget.took(kv, keysOnly)
    }
  }

  #read({ key, ordinal }: Candidate, source: RangeSource): KeyValue {
    if (key === null) return source.rows.read(ordinal)
    const entry = must(source.index.get(key), 'a key that can still be read is in the index')
    const version = must(liveAt(entry, this.revision), 'a candidate lives')
    return materialize(entry, version, source.rows, true)
  }

  #take(bytes: number): void {
    this.#memory?.take(bytes, this.#held)
    this.#held += bytes
  }

  readonly #compare = (a: Candidate, b: Candidate): number => {
    const difference =
      a.value === null || b.value === null ? a.rank - b.rank : compareBytes(a.value, b.value)
    return this.#order.descend ? -difference : difference
  }
}

function costOf({ value, key }: Candidate): number {
  const valueBytes = value === null ? 0 : textOverheadBytes + value.length
  return candidateBytes + valueBytes + (key === null ? 0 : textOverheadBytes + key.length)
}

type Compare = (a: Candidate, b: Candidate) => number

interface Head {
  readonly run: Run
  /** Of equal candidates that of the earlier run comes first. */
  readonly number: number
  at: number
}

/** Sorted runs as one, through a heap of their heads. */
class Merge {
  readonly #compare: Compare
  readonly #heap: Head[] = []

  constructor(runs: readonly Run[], compare: Compare) {
    this.#compare = compare
    for (const [number, run] of runs.entries()) {
      if (run.length > 0) this.#heap.push({ run, number, at: 0 })
    }
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  take(): Candidate | null {
    const first = this.#heap[0]
    if (first === undefined) return null
    const candidate = must(first.run[first.at], 'the head of a run')
    first.at++
    if (first.at === first.run.length) {
      const last = must(this.#heap.pop(), 'a run')
      if (last === first) return candidate
      this.#heap[0] = last
    }
    this.#sink(0)
    return candidate
  }

  #sink(from: number): void {
    const heap = this.#heap
    let at = from
    for (;;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#before(child, least)) least = child
      }
      if (least === at) return
      const one = must(heap[at], 'a head')
      heap[at] = must(heap[least], 'a head')
      heap[least] = one
      at = least
    }
  }

  #before(left: number, right: number): boolean {
    const a = must(this.#heap[left], 'a head')
    const b = must(this.#heap[right], 'a head')
    const first = must(a.run[a.at], 'the head of a run')
    const second = must(b.run[b.at], 'the head of a run')
    const difference = this.#compare(first, second)
    return difference !== 0 ? difference < 0 : a.number < b.number
  }
}
