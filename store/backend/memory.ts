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
import { headOf } from '../core/row.js'
import type { SystemRecord } from '../core/system-records.js'
import type { Bytes, KeyValue, LeaseId } from '../core/types.js'

const chunkRows = 1024

/** Rows by ordinal in chunks, so that what compaction empties is given back. */
class RowTable {
  readonly #chunks = new Map<number, Map<Ordinal, Row>>()
  #first = 0
  #last = 0
  bytes = 0

  add(row: Row): void {
    const { ordinal, kv } = row
    const number = Math.floor(ordinal / chunkRows)
    let chunk = this.#chunks.get(number)
    if (chunk === undefined) {
      chunk = new Map()
      if (this.#chunks.size === 0) this.#first = number
      this.#chunks.set(number, chunk)
    }
    assert(ordinal > this.#last, 'rows are added in order')
    this.#last = ordinal
    chunk.set(ordinal, row)
    this.bytes += kv.key.length + kv.value.length
  }

  get(ordinal: Ordinal): Row | undefined {
    return this.#chunks.get(Math.floor(ordinal / chunkRows))?.get(ordinal)
  }

  delete(ordinal: Ordinal): void {
    const number = Math.floor(ordinal / chunkRows)
    const chunk = this.#chunks.get(number)
    const row = chunk?.get(ordinal)
    if (chunk === undefined || row === undefined) return
    const { kv } = row
    chunk.delete(ordinal)
    this.bytes -= kv.key.length + kv.value.length
    if (chunk.size === 0) this.#chunks.delete(number)
  }

  /** In order, from `ordinal` on, until `visit` says false. */
  ascend(ordinal: Ordinal, visit: (row: Row) => boolean): void {
    const last = Math.floor(this.#last / chunkRows)
    const first = Math.max(this.#first, Math.floor(ordinal / chunkRows))
    for (let number = first; number <= last; number++) {
      for (const row of this.#chunks.get(number)?.values() ?? []) {
        if (row.ordinal >= ordinal && !visit(row)) return
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
    for (const row of rows) this.rows.add(row)
    for (const lease of leases) this.leases.set(lease.id, lease)
    for (const { name, value } of records) this.records.set(name, value)
  }

  copy(rowsTo = Number.POSITIVE_INFINITY): MemoryState {
    const copy = new MemoryState()
    copy.meta = this.meta
    this.rows.ascend(0, row => {
      if (row.ordinal > rowsTo) return false
      copy.rows.add(row)
      return true
    })
    for (const lease of this.leases.values()) copy.leases.set(lease.id, lease)
    for (const [name, value] of this.records) copy.records.set(name, value)
    return copy
  }

  /** As another process would find it: without rows that were staged and never counted. */
  found(): MemoryState {
    return this.copy(this.meta?.lastOrdinal ?? 0)
  }
}

/** Faults to come. Fields may be set at any time. */
export interface MemoryFaults {
  /** There is no room: commits, checkpoints and restores fail with `backend-full`. */
  full: boolean
  /** This many more writes succeed; then one fails with `backend-io`, and `null` again. */
  writesUntilFailure: number | null
}

export interface MemoryBackendOptions {
  /** Keep apart what a power cut would leave. Costs a second table; commits wait for checkpoints. */
  readonly tracksPowerCuts?: boolean
  readonly faults?: MemoryFaults
}

/** What was committed, rows ahead of that, or a whole state that took the place of all before. */
type Step =
  | { readonly kind: 'batch'; readonly batch: BackendBatch }
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly kind: 'state'; readonly state: MemoryState }

/** Answers the state behind the step. */
function taken(state: MemoryState, step: Step): MemoryState {
  if (step.kind === 'state') return step.state.copy()
  if (step.kind === 'rows') state.write(step)
  else state.apply(step.batch)
  return state
}

export class MemoryBackend implements Backend {
  readonly #options: MemoryBackendOptions
  readonly #tracksPowerCuts: boolean
  #state: MemoryState
  #durable: MemoryState
  /** In order. */
  #sinceCheckpoint: Step[] = []
  #closed = false

  constructor(options: MemoryBackendOptions = {}, state = new MemoryState()) {
    this.#options = options
    this.#tracksPowerCuts = options.tracksPowerCuts === true
    this.#state = state
    this.#durable = this.#tracksPowerCuts ? state.copy() : state
  }

  /** Transactions since the last checkpoint: a power cut may keep any number of them, in order. */
  get volatileCommits(): number {
    return this.#sinceCheckpoint.length
  }

  /**
   * A backend as it would be found after this process was killed, or the power was cut: of what was
   * committed since the last checkpoint the first `kept` transactions are still there then.
   */
  survivor(crash: 'process' | 'power', kept = 0): MemoryBackend {
    assert(crash === 'process' || this.#tracksPowerCuts, 'power cuts are tracked')
    if (crash === 'process') return new MemoryBackend(this.#options, this.#state.found())
    let state = this.#durable.copy()
    for (const step of this.#sinceCheckpoint.slice(0, kept)) {
      state = taken(state, step)
    }
    return new MemoryBackend(this.#options, state.found())
  }

  get meta(): StateMeta | null {
    return this.#state.meta
  }

  get durableIndex(): number {
    return this.#durable.meta?.appliedIndex ?? 0
  }

  get fileBytes(): number {
    return this.sizeBytes
  }

  reclaim(): boolean {
    this.#open()
    return false
  }

  get sizeBytes(): number {
    return this.#state.rows.bytes
  }

  commit(batch: BackendBatch): void {
    this.#write()
    this.#state.apply(batch)
    if (this.#tracksPowerCuts) this.#sinceCheckpoint.push({ kind: 'batch', batch })
  }

  stage(rows: readonly Row[]): void {
    this.#write()
    this.#state.write({ rows })
    if (this.#tracksPowerCuts) this.#sinceCheckpoint.push({ kind: 'rows', rows })
  }

  readRow(ordinal: Ordinal): KeyValue | null {
    this.#open()
    return this.#state.rows.get(ordinal)?.kv ?? null
  }

  readRows(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[] {
    this.#open()
    const rows: Row[] = []
    let bytes = 0
    this.#state.rows.ascend(ordinal, row => {
      rows.push(row)
      bytes += row.kv.key.length + row.kv.value.length
      return rows.length < rowsMax && bytes < bytesMax
    })
    return rows
  }

  scan(visit: (head: RowHead) => void): void {
    this.#open()
    this.#state.rows.ascend(0, row => {
      visit(headOf(row))
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
    if (this.#sinceCheckpoint.length === 0) this.#open()
    else this.#write()
    for (const step of this.#sinceCheckpoint) {
      this.#durable = taken(this.#durable, step)
    }
    this.#sinceCheckpoint = []
  }

  beginRestore(): BackendRestore {
    this.#write()
    const next = new MemoryState()
    return {
      write: part => {
        this.#write()
        next.write(part)
      },
      commit: meta => {
        this.#write()
        next.meta = meta
        this.#state = next
        if (this.#tracksPowerCuts) this.#sinceCheckpoint.push({ kind: 'state', state: next.copy() })
        else this.#durable = next
        try {
          this.checkpoint()
        } catch (error) {
          // It stands and is not known to be durable: nothing goes on before all is opened again.
          this.#closed = true
          throw error
        }
      },
      abort: () => {},
    }
  }

  close(): void {
    this.#closed = true
  }

  #write(): void {
    this.#open()
    const { faults } = this.#options
    if (faults === undefined) return
    if (faults.full) throw new BackendError('backend-full', 'there is no room for applied state')
    const left = faults.writesUntilFailure
    if (left === null) return
    faults.writesUntilFailure = left === 0 ? null : left - 1
    if (left === 0) throw new BackendError('backend-io', 'applied state cannot be written')
  }

  #open(): void {
    if (this.#closed) throw new BackendError('backend-closed', 'the backend has been closed')
  }
}
