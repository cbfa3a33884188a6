// Applied state in one SQLite file in WAL mode. Counterpart: etcd's bbolt file. The Raft log is what
// makes writes durable, so transactions here do not wait for the disk (synchronous=NORMAL): a power
// cut loses the last of them, whole, and the log replays them. Checkpoints, which do wait, are the
// caller's to place.
//
// SQLite does not notice a flipped bit in a value, so every row carries a checksum of its own, looked
// at whenever the row is read: a damaged one is an error, never an answer.
//
// Rows, leases and system records stand in tables named after a generation, and the meta record names the present
// one. A restore fills the next generation beside it and switches by one update: atomic, without
// files being moved. What is left of another generation is deleted in slices, at checkpoints.

import Database from 'better-sqlite3'
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
} from '../core/backend.js'
import type { SystemRecord } from '../core/system-records.js'
import type { KeyValue } from '../core/types.js'
import { createTables, dropTables, type Tables } from './sqlite-tables.js'

export interface SqliteOptions {
  /** The file; `-wal` and `-shm` files stand beside it. ':memory:' for tests. */
  readonly path: string
  /** The file never grows beyond it: commits fail with `backend-full` instead. */
  readonly sizeBytesMax?: number
  /** SQLite's own page cache. */
  readonly pageCacheBytes?: number
}

/**
 * Of the file. It becomes `withRecords` with the first system record, which a program that knows
 * only `plain` would leave behind; until then such a program may open it again.
 */
const formats = { plain: 1, withRecords: 2 } as const
/** The file has one owner; whoever else holds it is not waited for. */
const lockWaitMs = 100
const pageBytes = 8192
const pageCacheBytesDefault = 32 * 1024 * 1024
/** Larger WAL files are cut back after a checkpoint. */
const walBytesKept = 64 * 1024 * 1024
const staleRowsPerSlice = 5_000
/** A restore checkpoints this often, so that its WAL stays small. */
const restoreCheckpointBytes = 64 * 1024 * 1024

interface MetaColumns {
  readonly format: number
  readonly generation: number
  readonly written: number
  readonly applied_index: number
  readonly applied_term: number
  readonly revision: number
  readonly last_ordinal: number
  readonly compact_revision: number
  readonly compacted_rows: number
  readonly state_hash: string
}

export class SqliteBackend implements Backend {
  readonly #db: Database.Database
  #meta: StateMeta | null = null
  #durableIndex = 0
  #generation = 1
  #format: number = formats.plain
  #tables: Tables
  /** Generations to be deleted. */
  #stale: number[] = []
  #restoring = false
  /** The file was changed since the last checkpoint by something else than a commit. */
  #changedBeside = false
  /** Of the rows that count or will with the next commit. */
  #lastOrdinal = 0

  /** Opens or creates. Throws BackendError; `backend-corrupt`: remove the files and build anew. */
  constructor(options: SqliteOptions) {
    this.#db = attempt('open', () => new Database(options.path, { timeout: lockWaitMs }))
    try {
      this.#tables = attempt('open', () => this.#prepare(options))
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  get meta(): StateMeta | null {
    return this.#meta
  }

  get durableIndex(): number {
    return this.#durableIndex
  }

  get sizeBytes(): number {
    return this.#pages('page_count') * pageBytes - this.#pages('freelist_count') * pageBytes
  }

  get fileBytes(): number {
    return this.#pages('page_count') * pageBytes
  }

  reclaim(bytesMax: number): boolean {
    const before = this.#pages('freelist_count')
    if (before === 0) return false
    const pages = Math.max(1, Math.floor(bytesMax / pageBytes))
    attempt('reclaim', () => this.#db.pragma(`incremental_vacuum(${pages})`))
    this.#changedBeside = true
    // Files from before this was thought of cannot: nothing is gained by asking them again.
    return this.#pages('freelist_count') < before
  }

  #pages(which: 'page_count' | 'freelist_count'): number {
    if (!this.#db.open) return 0
    return attempt('measure', () => Number(this.#db.pragma(which, { simple: true })))
  }

  commit(batch: BackendBatch): void {
    assert(
      batch.meta.appliedIndex >= (this.#meta?.appliedIndex ?? 0),
      'the applied index does not go back',
    )
    const format = batch.records.length > 0 ? formats.withRecords : this.#format
    attempt('write', () => {
      this.#transaction(() => {
        this.#tables.write(batch)
        this.#tables.delete(batch)
        this.#writeMeta(batch.meta, this.#generation, format)
      })
    })
    this.#format = format
    this.#meta = batch.meta
    this.#lastOrdinal = batch.meta.lastOrdinal
  }

  stage(rows: readonly Row[]): void {
    attempt('write', () => this.#transaction(() => this.#tables.write({ rows })))
    this.#lastOrdinal = rows.at(-1)?.ordinal ?? this.#lastOrdinal
    this.#changedBeside = true
  }

  readRow(ordinal: Ordinal): KeyValue | null {
    return attempt('read', () => this.#tables.row(ordinal))
  }

  readRows(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[] {
    const rows = attempt('read', () => this.#tables.rows(ordinal, rowsMax, bytesMax))
    // What a process staged that was killed before the commit comes again, and is no part of the state until then.
    return (rows.at(-1)?.ordinal ?? 0) <= this.#lastOrdinal
      ? rows
      : rows.filter(row => row.ordinal <= this.#lastOrdinal)
  }

  scan(visit: (head: RowHead) => void): void {
    attempt('read', () => this.#tables.scan(this.#lastOrdinal, visit))
  }

  leases(): readonly LeaseRow[] {
    return attempt('read', () => this.#tables.leases())
  }

  records(): readonly SystemRecord[] {
    return attempt('read', () => this.#tables.records())
  }

  checkpoint(): void {
    const durable = this.#durableIndex === (this.#meta?.appliedIndex ?? 0)
    const nothingNew = durable && !this.#changedBeside
    this.#changedBeside = false
    if (nothingNew && this.#stale.length === 0 && !this.#restoring) return
    attempt('checkpoint', () => {
      if (!this.#restoring) this.#deleteStale()
      this.#checkpoint('PASSIVE')
    })
  }

  beginRestore(): BackendRestore {
    assert(!this.#restoring, 'one restore at a time')
    const generation = this.#generation + 1
    const tables = attempt('write', () => {
      this.#drop(generation)
      return createTables(this.#db, generation)
    })
    this.#restoring = true
    let bytes = 0
    let over = false
    let format: number = formats.plain
    return {
      write: part => {
        if (part.records !== undefined && part.records.length > 0) format = formats.withRecords
        attempt('write', () => this.#transaction(() => tables.write(part)))
        for (const { kv } of part.rows ?? []) bytes += kv.key.length + kv.value.length
        if (bytes < restoreCheckpointBytes) return
        bytes = 0
        attempt('checkpoint', () => this.#checkpoint('PASSIVE'))
      },
      commit: meta => {
        attempt('write', () => this.#transaction(() => this.#writeMeta(meta, generation, format)))
        over = true
        this.#stale.push(this.#generation)
        this.#generation = generation
        this.#format = format
        this.#tables = tables
        this.#meta = meta
        this.#lastOrdinal = meta.lastOrdinal
        this.#restoring = false
        try {
          attempt('checkpoint', () => this.#checkpoint('TRUNCATE'))
        } catch (error) {
          // The new state stands but is not known to be durable, and the caller still has the old
          // one in memory: nothing may be written any more before everything is opened again.
          this.#db.close()
          throw error
        }
      },
      abort: () => {
        if (over) return
        over = true
        this.#restoring = false
        this.#stale.push(generation)
      },
    }
  }

  close(): void {
    this.#db.close()
  }

  #prepare(options: SqliteOptions): Tables {
    const db = this.#db
    // Also spares the shared index of the WAL, a file that a full disk would keep from growing.
    db.pragma('locking_mode = EXCLUSIVE')
    db.pragma(`page_size = ${pageBytes}`)
    // Only in a new file. What is free is given back when it is asked for, a few pages at a time.
    db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL')
    db.pragma('wal_autocheckpoint = 0')
    db.pragma(`journal_size_limit = ${walBytesKept}`)
    const cacheBytes = options.pageCacheBytes ?? pageCacheBytesDefault
    db.pragma(`cache_size = -${Math.ceil(cacheBytes / 1024)}`)
    if (options.sizeBytesMax !== undefined) {
      db.pragma(`max_page_count = ${Math.ceil(options.sizeBytesMax / pageBytes)}`)
    }
    db.exec(`
      CREATE TABLE IF NOT EXISTS meta (
        id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER, generation INTEGER,
        written INTEGER, applied_index INTEGER, applied_term INTEGER, revision INTEGER,
        last_ordinal INTEGER, compact_revision INTEGER, compacted_rows INTEGER, state_hash TEXT);
      INSERT OR IGNORE INTO meta VALUES (1, ${formats.plain}, 1, 0, 0, 0, 0, 0, 0, 0, '')`)
    this.#readMeta()
    const tables = createTables(db, this.#generation)
    this.#stale = this.#otherGenerations()
    this.#settle()
    return tables
  }

  /**
   * What was found may sit in the operating system's cache only. On a full disk it stays there, for
   * it can be read all the same, and the log still has it. But where a restore has just replaced the
   * state, the log may be about to forget what came before: then there must be room first.
   */
  #settle(): void {
    try {
      this.#checkpoint('TRUNCATE')
    } catch (error) {
      const full = error instanceof Database.SqliteError && error.code === 'SQLITE_FULL'
      if (!full || this.#stale.length > 0) throw error
    }
  }

  #readMeta(): void {
    const row = this.#db.prepare('SELECT * FROM meta').get() as MetaColumns | undefined
    if (row === undefined) throw new BackendError('backend-corrupt', 'the meta record is missing')
    if (row.format !== formats.plain && row.format !== formats.withRecords) {
      const known = `${formats.plain} and ${formats.withRecords}`
      const message = `the file has format version ${row.format}, this program knows ${known}`
      throw new BackendError('backend-io', message)
    }
    const { state_hash: stateHash, ...numbers } = row
    if (!Object.values(numbers).every(Number.isSafeInteger) || typeof stateHash !== 'string') {
      throw new BackendError('backend-corrupt', 'the meta record is damaged')
    }
    this.#generation = row.generation
    this.#format = row.format
    this.#lastOrdinal = row.last_ordinal
    if (row.written === 0) return
    this.#meta = {
      appliedIndex: row.applied_index,
      appliedTerm: row.applied_term,
      revision: row.revision,
      lastOrdinal: row.last_ordinal,
      compactRevision: row.compact_revision,
      compactedRows: row.compacted_rows,
      stateHash,
    }
  }

  #writeMeta(meta: StateMeta, generation: number, format: number): void {
    this.#db
      .prepare(
        `UPDATE meta SET format = ?, generation = ?, written = 1, applied_index = ?, applied_term = ?,
          revision = ?, last_ordinal = ?, compact_revision = ?, compacted_rows = ?,
          state_hash = ?`,
      )
      .run(
        format,
        generation,
        meta.appliedIndex,
        meta.appliedTerm,
        meta.revision,
        meta.lastOrdinal,
        meta.compactRevision,
        meta.compactedRows,
        meta.stateHash,
      )
  }

  #drop(generation: number): void {
    dropTables(this.#db, generation)
    this.#stale = this.#stale.filter(stale => stale !== generation)
  }

  #otherGenerations(): number[] {
    const names = this.#db
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'rows!_%' ESCAPE '!'",
      )
      .pluck()
      .all() as string[]
    return names.map(name => Number(name.slice(5))).filter(number => number !== this.#generation)
  }

  #deleteStale(): void {
    const [generation] = this.#stale
    if (generation === undefined) return
    const table = `rows_${generation}`
    const { changes } = this.#db
      .prepare(
        `DELETE FROM ${table} WHERE ordinal IN (SELECT ordinal FROM ${table} LIMIT ${staleRowsPerSlice})`,
      )
      .run()
    if (changes < staleRowsPerSlice) this.#drop(generation)
  }

  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    const [result] = this.#db.pragma(`wal_checkpoint(${mode})`) as {
      busy: number
      log: number
      checkpointed: number
    }[]
    assert(result !== undefined, 'a checkpoint answers')
    // Complete only when every frame went into the file, which SQLite then synced.
    if (result.busy === 0 && result.log === result.checkpointed) {
      this.#durableIndex = this.#meta?.appliedIndex ?? 0
    }
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#db.exec('COMMIT')
    } catch (error) {
      // SQLite may have rolled back by itself, as it does when the disk is full.
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

/** Turns what SQLite throws into what the state machine understands. */
function attempt<T>(doing: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Database.SqliteError) throw backendError(doing, error)
    if (error instanceof TypeError && error.message.includes('connection is not open')) {
      throw new BackendError('backend-closed', 'the backend has been closed', error)
    }
    if (error instanceof TypeError && error.message.includes('directory does not exist')) {
      throw new BackendError('backend-io', error.message, error)
    }
    throw error
  }
}

function backendError(
  doing: string,
  error: InstanceType<typeof Database.SqliteError>,
): BackendError {
  const message = `cannot ${doing} applied state: ${error.message} (${error.code})`
  if (error.code.startsWith('SQLITE_BUSY')) {
    return new BackendError('backend-io', `${message}; another process has it open`, error)
  }
  if (error.code === 'SQLITE_FULL') return new BackendError('backend-full', message, error)
  if (error.code.startsWith('SQLITE_CORRUPT') || error.code === 'SQLITE_NOTADB') {
    return new BackendError('backend-corrupt', message, error)
  }
  return new BackendError('backend-io', message, error)
}
