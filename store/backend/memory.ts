// Applied state in memory: for tests, simulation and stores that need not outlive their process. It
// can tell what a crash would have left, so that recovery is tested without a disk.

import { assert } from '../../platform/errors.js'
import {
  type Backend,
  type BackendBatch,
  BackendError,
  type BackendRestore,
  type LeaseRow,
  type Ordinal,
  type Row,
  type RowHead,
  type StateMeta,
  type StatePart,
} from '../core/backend.js'
import type { SystemRecord } from '../core/system-records.js'
import type { Bytes, KeyValue, LeaseId } from '../core/types.js'

const chunkRows = 1024

/** Rows by ordinal in chunks, so that what compaction empties is given back. */
class RowTable {
  readonly #chunks = new Map<number, Map<Ordinal, KeyValue>>()
  #first = 0
  #last = 0
  bytes = 0

  set(ordinal: Ordinal, kv: KeyValue): void {
    const number = Math.floor(ordinal / chunkRows)
    let chunk = this.#chunks.get(number)
    if (chunk === undefined) {
      chunk = new Map()
      if (this.#chunks.size === 0) this.#first = number
      this.#chunks.set(number, chunk)
    }
    assert(ordinal > this.#last, 'rows are added in order')
    this.#last = ordinal
    chunk.set(ordinal, kv)
    this.bytes += kv.key.length + kv.value.length
  }

  get(ordinal: Ordinal): KeyValue | undefined {
    return this.#chunks.get(Math.floor(ordinal / chunkRows))?.get(ordinal)
  }

  delete(ordinal: Ordinal): void {
    const number = Math.floor(ordinal / chunkRows)
    const chunk = this.#chunks.get(number)
    const kv = chunk?.get(ordinal)
    if (chunk === undefined || kv === undefined) return
    chunk.delete(ordinal)
    this.bytes -= kv.key.length + kv.value.length
    if (chunk.size === 0) this.#chunks.delete(number)
  }

  /** In order, from `ordinal` on, until `visit` says false. */
  ascend(ordinal: Ordinal, visit: (ordinal: Ordinal, kv: KeyValue) => boolean): void {
    const last = Math.floor(this.#last / chunkRows)
    const first = Math.max(this.#first, Math.floor(ordinal / chunkRows))
    for (let number = first; number <= last; number++) {
      for (const [at, kv] of this.#chunks.get(number) ?? []) {
        if (at >= ordinal && !visit(at, kv)) return
      }
    }
  }
}

class MemoryState {
  meta: StateMeta | null = null
  readonly rows = new RowTable()
  readonly leases = new Map<LeaseId, LeaseRow>()
  readonly records = new Map<string, Bytes>()

  apply(batch: BackendBatch): void {
    this.write(batch)
    for (const ordinal of batch.deletedOrdinals) this.rows.delete(ordinal)
    for (const id of batch.deletedLeases) this.leases.delete(id)
    for (const name of batch.deletedRecords) this.records.delete(name)
    this.meta = batch.meta
  }

  write({ rows = [], leases = [], records = [] }: StatePart): void {
    for (const { ordinal, kv } of rows) this.rows.set(ordinal, kv)
    for (const lease of leases) this.leases.set(lease.id, lease)
    for (const { name, value } of records) this.records.set(name, value)
  }

  copy(): MemoryState {
    const copy = new MemoryState()
    copy.meta = this.meta
    this.rows.ascend(0, (ordinal, kv) => {
      copy.rows.set(ordinal, kv)
      return true
    })
    for (const lease of this.leases.values()) copy.leases.set(lease.id, lease)
    for (const [name, value] of this.records) copy.records.set(name, value)
    return copy
  }
}

export interface MemoryBackendOptions {
  /** Keep apart what a power cut would leave. Costs a second table; commits wait for checkpoints. */
  readonly tracksPowerCuts?: boolean
}

export class MemoryBackend implements Backend {
  readonly #tracksPowerCuts: boolean
  #state: MemoryState
  #durable: MemoryState
  #sinceCheckpoint: BackendBatch[] = []
  #closed = false

  constructor(options: MemoryBackendOptions = {}, state = new MemoryState()) {
    this.#tracksPowerCuts = options.tracksPowerCuts === true
    this.#state = state
    this.#durable = this.#tracksPowerCuts ? state.copy() : state
  }

  /** A backend as it would be found after this process was killed, or the power was cut. */
  survivor(crash: 'process' | 'power'): MemoryBackend {
    assert(crash === 'process' || this.#tracksPowerCuts, 'power cuts are tracked')
    const state = crash === 'process' ? this.#state : this.#durable
    return new MemoryBackend({ tracksPowerCuts: this.#tracksPowerCuts }, state.copy())
  }

  get meta(): StateMeta | null {
    return this.#state.meta
  }

  get durableIndex(): number {
    return this.#durable.meta?.appliedIndex ?? 0
  }

  get sizeBytes(): number {
    return this.#state.rows.bytes
  }

  commit(batch: BackendBatch): void {
    this.#open()
    this.#state.apply(batch)
    if (this.#tracksPowerCuts) this.#sinceCheckpoint.push(batch)
  }

  readRow(ordinal: Ordinal): KeyValue | null {
    this.#open()
    return this.#state.rows.get(ordinal) ?? null
  }

  readRows(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[] {
    this.#open()
    const rows: Row[] = []
    let bytes = 0
    this.#state.rows.ascend(ordinal, (at, kv) => {
      rows.push({ ordinal: at, kv })
      bytes += kv.key.length + kv.value.length
      return rows.length < rowsMax && bytes < bytesMax
    })
    return rows
  }

  scan(visit: (head: RowHead) => void): void {
    this.#open()
    this.#state.rows.ascend(0, (ordinal, kv) => {
      visit({ ordinal, ...kv })
      return true
    })
  }

  leases(): readonly LeaseRow[] {
    return [...this.#state.leases.values()]
  }

  records(): readonly SystemRecord[] {
    return Array.from(this.#state.records, ([name, value]) => ({ name, value }))
  }

  checkpoint(): void {
    this.#open()
    for (const batch of this.#sinceCheckpoint) this.#durable.apply(batch)
    this.#sinceCheckpoint = []
  }

  beginRestore(): BackendRestore {
    this.#open()
    const next = new MemoryState()
    return {
      write: part => next.write(part),
      commit: meta => {
        this.#open()
        next.meta = meta
        this.#state = next
        this.#durable = this.#tracksPowerCuts ? next.copy() : next
        this.#sinceCheckpoint = []
      },
      abort: () => {},
    }
  }

  close(): void {
    this.#closed = true
  }

  #open(): void {
    if (this.#closed) throw new BackendError('backend-closed', 'the backend has been closed')
  }
}
