// Rows by ordinal, wherever they are: in the write-behind buffer (applied, not yet with the
// backend), in a cache of hot values under a byte budget, or in the backend. Counterpart: etcd's
// read and write buffers in front of bbolt. What is in the buffer is also in the Raft log, so
// losing it costs a replay and nothing else.

import { assert, must } from '../../platform/errors.js'
import { type Backend, type BackendBatch, BackendError } from './backend.js'
import type { Ordinal, Row, StateMeta } from './backend.js'
import type { KeyIndex } from './keys/key-index.js'
import { keyString } from './key-range.js'
import { makeRow } from './row.js'
import type { KeyValue } from './types.js'

/** What an object costs beside its bytes; an estimate on the high side. */
export const rowOverheadBytes = 160

/** Of pages that the deletion of a row changes: its own and its index's, shared with its neighbours. */
const deletionBytes = 4_096

export function rowBytes(kv: KeyValue): number {
  return kv.key.length + kv.value.length + rowOverheadBytes
}

export class RowStore {
  readonly #backend: Backend
  readonly #cache: RowCache
  /** `#pending[i]` has ordinal `#pendingFirst + i`; null once it was dropped. */
  #pending: (Row | null)[] = []
  #pendingFirst: Ordinal
  #pendingBytes = 0
  /** Of those that are with the backend until the next flush. */
  #dropped = new Set<Ordinal>()
  #damage: BackendError | null = null

  constructor(backend: Backend, lastOrdinal: Ordinal, cacheBytesMax: number) {
    this.#backend = backend
    this.#pendingFirst = lastOrdinal + 1
    this.#cache = new RowCache(cacheBytesMax)
  }

  get lastOrdinal(): Ordinal {
    return this.#pendingFirst + this.#pending.length - 1
  }

  get pendingRows(): number {
    return this.#pending.length + this.#dropped.size
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** What the next flush leaves to a checkpoint, about. */
  get flushBytes(): number {
    return this.#pendingBytes + this.#dropped.size * deletionBytes
  }

  /** The first row that came back from the backend as another than was written; null: none yet. */
  get damage(): BackendError | null {
    return this.#damage
  }

  append(kv: KeyValue): Row {
    const row = makeRow(this.lastOrdinal + 1, kv)
    this.#pending.push(row)
    this.#pendingBytes += rowBytes(kv)
    return row
  }

  /** A row that exists; a compaction never drops one that can still be asked for. */
  read(ordinal: Ordinal): KeyValue {
    return must(this.find(ordinal), 'a row of the index is there')
  }

  find(ordinal: Ordinal): KeyValue | null {
    assert(ordinal > 0 && ordinal <= this.lastOrdinal, 'an ordinal that was given out')
    if (ordinal >= this.#pendingFirst) {
      return this.#pending[ordinal - this.#pendingFirst]?.kv ?? null
    }
    const cached = this.#cache.get(ordinal)
    if (cached !== undefined) return cached
    const kv = this.#noting(() => this.#backend.readRow(ordinal))
    if (kv !== null) this.#cache.set(ordinal, kv)
    return kv
  }

  /** Rows in order from `ordinal` on, in slices; what was scanned once is not worth caching. */
  readFrom(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[] {
    let from = ordinal
    while (from < this.#pendingFirst) {
      const start = from
      const stored = this.#noting(() => this.#backend.readRows(start, rowsMax, bytesMax))
      const last = stored.at(-1)
      if (last === undefined) break
      const kept =
        this.#dropped.size === 0
          ? stored
          : stored.filter(({ ordinal: at }) => !this.#dropped.has(at))
      if (kept.length > 0) return kept
      from = last.ordinal + 1
    }
    const rows: Row[] = []
    let bytes = 0
    for (
      let at = Math.max(ordinal, this.#pendingFirst);
      at <= this.lastOrdinal && rows.length < rowsMax && bytes < bytesMax;
      at++
    ) {
      const row = this.#pending[at - this.#pendingFirst] ?? null
      if (row === null) continue
      rows.push(row)
      bytes += rowBytes(row.kv)
    }
    return rows
  }

  /** First row at or behind `revision`; every revision has a row at least, so it is near there. */
  firstAtRevision(revision: number): Ordinal {
    let low = 1
    let high = this.lastOrdinal + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = this.readFrom(middle, 1, 1)[0]
      if (row === undefined || row.kv.modRevision >= revision) high = middle
      else low = row.ordinal + 1
    }
    return low
  }

  drop(ordinals: readonly Ordinal[]): void {
    for (const ordinal of ordinals) {
      this.#cache.delete(ordinal)
      if (ordinal < this.#pendingFirst) {
        this.#dropped.add(ordinal)
      } else {
        const at = ordinal - this.#pendingFirst
        const row = must(this.#pending[at], 'a row is dropped once')
        this.#pendingBytes -= rowBytes(row.kv)
        this.#pending[at] = null
      }
    }
  }

  /** Throws `backend-corrupt` for rows that are not those of the index; answers where to go on, or null. */
  scrub(from: Ordinal, index: KeyIndex, rowsMax: number, bytesMax: number): Ordinal | null {
    if (from >= this.#pendingFirst) return null
    const rows = this.#noting(() => this.#backend.readRows(from, rowsMax, bytesMax))
    for (const { ordinal, kv, checksum } of rows) {
      const entry = index.get(keyString(kv.key))
      if (entry === undefined || entry.ordinal !== ordinal || entry.checksum === checksum) continue
      const message = `row ${ordinal} of the applied state is another than was written`
      this.#damage ??= new BackendError('backend-corrupt', message)
      throw this.#damage
    }
    const last = rows.at(-1)
    return last === undefined ? null : last.ordinal + 1
  }

  #noting<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (error instanceof BackendError && error.code === 'backend-corrupt') this.#damage ??= error
      throw error
    }
  }

  /** Rows of an entry that is not applied yet, ahead of the flush that makes them count. */
  stage(): number {
    const rows = this.#pending.filter(row => row !== null)
    if (rows.length > 0) this.#backend.stage(rows)
    this.#flushed(rows)
    return rows.length
  }

  /** One transaction. When it throws, everything is pending as before. */
  flush(meta: StateMeta, beside: Omit<BackendBatch, 'meta' | 'rows' | 'deletedOrdinals'>): number {
    assert(meta.lastOrdinal === this.lastOrdinal, 'the meta data belongs to these rows')
    const rows = this.#pending.filter(row => row !== null)
    this.#backend.commit({ meta, rows, deletedOrdinals: [...this.#dropped], ...beside })
    this.#dropped = new Set()
    this.#flushed(rows)
    return rows.length
  }

  #flushed(rows: readonly Row[]): void {
    this.#pendingFirst = this.lastOrdinal + 1
    this.#pending = []
    this.#pendingBytes = 0
    for (const row of rows) if (row.kv.version > 0) this.#cache.set(row.ordinal, row.kv)
  }
}

/** Two generations: what is used moves to the young one; the old one goes as a whole. */
class RowCache {
  readonly #halfBytesMax: number
  #young = new Map<Ordinal, KeyValue>()
  #old = new Map<Ordinal, KeyValue>()
  #youngBytes = 0

  constructor(bytesMax: number) {
    this.#halfBytesMax = bytesMax / 2
  }

  get(ordinal: Ordinal): KeyValue | undefined {
    const young = this.#young.get(ordinal)
    if (young !== undefined) return young
    const old = this.#old.get(ordinal)
    if (old !== undefined) {
      this.#old.delete(ordinal)
      this.set(ordinal, old)
    }
    return old
  }

  set(ordinal: Ordinal, kv: KeyValue): void {
    const bytes = rowBytes(kv)
    if (bytes > this.#halfBytesMax) return
    if (this.#youngBytes + bytes > this.#halfBytesMax) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(ordinal, kv)
    this.#youngBytes += bytes
  }

  delete(ordinal: Ordinal): void {
    const young = this.#young.get(ordinal)
    if (young !== undefined) {
      this.#young.delete(ordinal)
      this.#youngBytes -= rowBytes(young)
    }
    this.#old.delete(ordinal)
  }
}
