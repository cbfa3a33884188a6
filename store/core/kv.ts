// Keys and values over revisions: the multi-version state and its one writer. Counterpart: etcd's
// mvcc kvstore. A write transaction takes the next revision when its first row is made, and none if
// it makes no row. What is checked (validate.ts, txn.ts) is checked before the first row, so that a
// transaction is applied as a whole or not at all.

import { assert } from '../../platform/errors.js'
import type { Ordinal } from './backend.js'
import type { Content } from './content.js'
import type { Counts } from './counts.js'
import type { RunningHash } from './hash.js'
import type { KeyEntry } from './keys/key-entry.js'
import type { KeyIndex } from './keys/key-index.js'
import { type Bounds, boundsOf, keyBytes, keyString } from './key-range.js'
import type { LeaseTable } from './leases/lease.js'
import { headOf } from './row.js'
import type { RowStore } from './row-store.js'
import { type Pace, type Sliced, workOf } from './sliced.js'
import type { DeleteRangeRequest, KeyValue, LeaseId, PutRequest, Revision } from './types.js'

const noBytes = new Uint8Array(0)

export interface KvState {
  readonly index: KeyIndex
  readonly rows: RowStore
  readonly leases: LeaseTable
  readonly hash: RunningHash
  readonly content: Content
  readonly counts: Counts
  readonly revision: Revision
  readonly compactRevision: Revision
  readonly pace: Pace
}

/** Told of every row, in order. `previous` is the row of the live version before, or 0. */
export type OnEvent = (key: string, kv: KeyValue, previous: Ordinal) => void

export class Kv {
  readonly index: KeyIndex
  readonly rows: RowStore
  readonly leases: LeaseTable
  readonly hash: RunningHash
  readonly content: Content
  readonly counts: Counts
  /** Of transactions that take several turns. */
  readonly pace: Pace
  readonly #onEvent: OnEvent
  #revision: Revision
  #compactRevision: Revision
  #writing = false
  /** Keys that go from one lease or to one, in order, once the transaction ends: a lease has no versions. */
  #moves: { readonly key: string; readonly from?: LeaseId; readonly to?: LeaseId }[] = []
  #wrote = false

  constructor(state: KvState, onEvent: OnEvent) {
    this.index = state.index
    this.rows = state.rows
    this.leases = state.leases
    this.hash = state.hash
    this.content = state.content
    this.counts = state.counts
    this.pace = state.pace
    this.#revision = state.revision
    this.#compactRevision = state.compactRevision
    this.#onEvent = onEvent
  }

  /** Of the last transaction that ended. */
  get revision(): Revision {
    return this.#revision
  }

  get compactRevision(): Revision {
    return this.#compactRevision
  }

  /** What the transaction under way reads: once it has written, its own revision. */
  get readRevision(): Revision {
    return this.#wrote ? this.#revision + 1 : this.#revision
  }

  begin(): void {
    assert(!this.#writing, 'one write transaction at a time')
    this.#writing = true
  }

  /** All rows made since `begin` have one revision. */
  end(): void {
    assert(this.#writing, 'a transaction that ends has begun')
    this.#writing = false
    for (const { key, from, to } of this.#moves) {
      if (from !== undefined) this.leases.detach(from, key)
      if (to !== undefined) this.leases.attach(to, key)
    }
    if (this.#moves.length > 0) this.#moves = []
    if (this.#wrote) this.#revision++
    this.#wrote = false
  }

  *raiseCompaction(revision: Revision): Sliced<void> {
    assert(revision > this.#compactRevision, 'compaction goes forward')
    assert(revision <= this.#revision, 'what is compacted has happened')
    yield* this.content.compacted(revision, this.pace)
    this.#compactRevision = revision
  }

  /** The live version of a key, if any. */
  live(key: string): KeyEntry | undefined {
    const entry = this.index.get(key)
    return entry !== undefined && entry.version > 0 ? entry : undefined
  }

  /** Answers the version before, read only when it was asked for. */
  put(request: PutRequest): KeyValue | null {
    const key = keyString(request.key)
    const known = this.index.get(key)
    const before = known !== undefined && known.version > 0 ? known : undefined
    const previous = before?.ordinal ?? 0
    const previousLease = before?.lease ?? 0
    const prevKv = before !== undefined && request.prevKv === true ? this.rows.read(previous) : null
    assert(before !== undefined || request.ignoreValue !== true, 'ignoreValue has a value to keep')
    const lease = request.ignoreLease === true ? previousLease : (request.lease ?? 0)
    const value = request.ignoreValue === true ? this.rows.read(previous).value : request.value
    const modRevision = this.#nextRevision()
    this.counts.puts++
    this.counts.putBytes += request.key.length + value.length
    this.#record(key, known, previous, {
      key: request.key,
      value,
      createRevision: before?.createRevision ?? modRevision,
      modRevision,
      version: (before?.version ?? 0) + 1,
      lease,
    })
    if (lease !== previousLease) {
      if (previousLease !== 0) this.#moves.push({ key, from: previousLease })
      if (lease !== 0) this.#moves.push({ key, to: lease })
    }
    return prevKv
  }

  /** Answers how many keys it deleted and, when asked for, what they were. */
  *deleteRange(
    request: DeleteRangeRequest,
  ): Sliced<{ readonly deleted: number; readonly prevKvs: readonly KeyValue[] }> {
    this.counts.deletes++
    const bounds = boundsOf(request)
    const prevKvs: KeyValue[] = []
    let deleted = 0
    for (let from: string | null = bounds.start; from !== null; ) {
      const { entries, next } = this.#liveFrom(from, bounds)
      for (const entry of entries) {
        if (request.prevKv === true) prevKvs.push(this.rows.read(entry.ordinal))
        this.deleteKey(entry)
      }
      deleted += entries.length
      from = next
      // Nobody else makes or removes keys meanwhile: those behind `next` are still the ones there were.
      if (from !== null) yield
    }
    return { deleted, prevKvs }
  }

  deleteKey(entry: KeyEntry): void {
    assert(entry.version > 0, 'only a live key is deleted')
    const { key, ordinal, lease } = entry
    this.#record(key, entry, ordinal, {
      key: keyBytes(key),
      value: noBytes,
      createRevision: 0,
      modRevision: this.#nextRevision(),
      version: 0,
      lease: 0,
    })
    if (lease !== 0) this.#moves.push({ key, from: lease })
  }

  /** As many as are deleted in one slice, and where the next one begins; null: that is all. */
  #liveFrom(from: string, { end, single }: Bounds): { entries: KeyEntry[]; next: string | null } {
    if (single) {
      const entry = this.live(from)
      return { entries: entry === undefined ? [] : [entry], next: null }
    }
    const entries: KeyEntry[] = []
    const next = this.index.ascendSlice(from, end, entry => {
      if (entry.version > 0) entries.push(entry)
      return this.pace.spend(entry.version > 0 ? workOf.writing : 1)
    })
    return { entries, next }
  }

  #nextRevision(): Revision {
    assert(this.#writing, 'rows are made inside a transaction')
    this.#wrote = true
    return this.#revision + 1
  }

  #record(key: string, known: KeyEntry | undefined, previous: Ordinal, kv: KeyValue): void {
    const made = headOf(this.rows.append(kv))
    const { modRevision, version, lease } = kv
    this.content.made(made, known)
    this.index.record(key, made, known)
    this.hash.number(modRevision).number(version).number(lease).bytes(kv.key).bytes(kv.value)
    this.#onEvent(key, kv, previous)
  }
}
