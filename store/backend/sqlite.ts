// Applied state in one SQLite file in WAL mode. Counterpart: etcd's bbolt file. The Raft log is what
// makes writes durable, so transactions here do not wait for the disk (synchronous=NORMAL): a power
// cut loses the last of them, whole, and the log replays them. Checkpoints, which do wait, are the
// caller's to place.
//
// SQLite does not notice a flipped bit in a value, so every row carries a checksum of its own, looked
// at whenever the row is read: a damaged one is an error, never an answer.
//
// Rows and leases stand in tables named after a generation, and the meta record names the present
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
import { RunningHash } from '../core/hash.js'
import type { KeyValue, LeaseId } from '../core/types.js'

export interface SqliteOptions {
  /** The file; `-wal` and `-shm` files stand beside it. ':memory:' for tests. */
  readonly path: string
  /** The file never grows beyond it: commits fail with `backend-full` instead. */
  readonly sizeBytesMax?: number
  /** SQLite's own page cache. */
  readonly pageCacheBytes?: number
}

const formatVersion = 1
/** The file has one owner; whoever else holds it is not waited for. */
const lockWaitMs = 100
const pageBytes = 8192
const pageCacheBytesDefault = 32 * 1024 * 1024
/** Larger WAL files are cut back after a checkpoint. */
const walBytesKept = 64 * 1024 * 1024
const staleRowsPerSlice = 5_000
/** Pages are read whole: cheaper a row than a cursor. */
const scanPageRows = 2_000
/** A restore checkpoints this often, so that its WAL stays small. */
const restoreCheckpointBytes = 64 * 1024 * 1024

type RowColumns = [
  ordinal: number,
  key: Buffer,
  create: number,
  mod: number,
  version: number,
  lease: number,
  value: Buffer | null,
  checksum: number,
]

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

const rowColumns = 'ordinal, key, create_revision, mod_revision, version, lease, value, checksum'
const headColumns = 'ordinal, key, create_revision, mod_revision, version, lease'
const noBytes = new Uint8Array(0)

export class SqliteBackend implements Backend {
  readonly #db: Database.Database
  #meta: StateMeta | null = null
  #durableIndex = 0
  #generation = 1
  #tables: Tables
  /** Generations to be deleted. */
  #stale: number[] = []
  #restoring = false

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
    if (!this.#db.open) return 0
    return attempt('measure', () => {
      const pages = Number(this.#db.pragma('page_count', { simple: true }))
      const free = Number(this.#db.pragma('freelist_count', { simple: true }))
      return (pages - free) * pageBytes
    })
  }

  commit(batch: BackendBatch): void {
    assert(
      batch.meta.appliedIndex >= (this.#meta?.appliedIndex ?? 0),
      'the applied index does not go back',
    )
    attempt('write', () => {
      this.#transaction(() => {
        this.#tables.write(batch.rows, batch.leases)
        this.#tables.delete(batch.deletedOrdinals, batch.deletedLeases)
        this.#writeMeta(batch.meta, this.#generation)
      })
    })
    this.#meta = batch.meta
  }

  readRow(ordinal: Ordinal): KeyValue | null {
    return attempt('read', () => this.#tables.row(ordinal))
  }

  readRows(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[] {
    return attempt('read', () => this.#tables.rows(ordinal, rowsMax, bytesMax))
  }

  scan(visit: (head: RowHead) => void): void {
    attempt('read', () => this.#tables.scan(visit))
  }

  leases(): readonly LeaseRow[] {
    return attempt('read', () => this.#tables.leases())
  }

  checkpoint(): void {
    const nothingNew = this.#durableIndex === (this.#meta?.appliedIndex ?? 0)
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
      return this.#createTables(generation)
    })
    this.#restoring = true
    let bytes = 0
    let over = false
    return {
      write: (rows, leases) => {
        attempt('write', () => this.#transaction(() => tables.write(rows, leases)))
        for (const { kv } of rows) bytes += kv.key.length + kv.value.length
        if (bytes < restoreCheckpointBytes) return
        bytes = 0
        attempt('checkpoint', () => this.#checkpoint('PASSIVE'))
      },
      commit: meta => {
        attempt('write', () => this.#transaction(() => this.#writeMeta(meta, generation)))
        over = true
        this.#stale.push(this.#generation)
        this.#generation = generation
        this.#tables = tables
        this.#meta = meta
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
      INSERT OR IGNORE INTO meta VALUES (1, ${formatVersion}, 1, 0, 0, 0, 0, 0, 0, 0, '')`)
    this.#readMeta()
    const tables = this.#createTables(this.#generation)
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
    if (row.format !== formatVersion) {
      const message = `the file has format version ${row.format}, this program knows ${formatVersion}`
      throw new BackendError('backend-io', message)
    }
    const { state_hash: stateHash, ...numbers } = row
    if (!Object.values(numbers).every(Number.isSafeInteger) || typeof stateHash !== 'string') {
      throw new BackendError('backend-corrupt', 'the meta record is damaged')
    }
    this.#generation = row.generation
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

  #writeMeta(meta: StateMeta, generation: number): void {
    this.#db
      .prepare(
        `UPDATE meta SET generation = ?, written = 1, applied_index = ?, applied_term = ?,
          revision = ?, last_ordinal = ?, compact_revision = ?, compacted_rows = ?,
          state_hash = ?`,
      )
      .run(
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

  #createTables(generation: number): Tables {
    this.#db.exec(`
      CREATE TABLE IF NOT EXISTS rows_${generation} (
        ordinal INTEGER PRIMARY KEY, key BLOB, create_revision INTEGER, mod_revision INTEGER,
        version INTEGER, lease INTEGER, value BLOB, checksum INTEGER);
      CREATE TABLE IF NOT EXISTS leases_${generation} (
        id INTEGER PRIMARY KEY, ttl_seconds INTEGER, remaining_seconds INTEGER)`)
    return new Tables(this.#db, generation)
  }

  #drop(generation: number): void {
    this.#db.exec(`DROP TABLE IF EXISTS rows_${generation};
      DROP TABLE IF EXISTS leases_${generation}`)
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

/** The tables of one generation and their statements. */
class Tables {
  readonly #insertRow: Database.Statement
  readonly #deleteRow: Database.Statement
  readonly #putLease: Database.Statement
  readonly #deleteLease: Database.Statement
  readonly #selectRow: Database.Statement<[number], RowColumns>
  readonly #selectRows: Database.Statement<[number, number], RowColumns>
  readonly #scan: Database.Statement<[number, number], RowColumns>
  readonly #selectLeases: Database.Statement<[], LeaseRow>

  constructor(db: Database.Database, generation: number) {
    const rows = `rows_${generation}`
    const leases = `leases_${generation}`
    this.#insertRow = db.prepare(
      `INSERT INTO ${rows} (${rowColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#deleteRow = db.prepare(`DELETE FROM ${rows} WHERE ordinal = ?`)
    this.#putLease = db.prepare(`INSERT OR REPLACE INTO ${leases} VALUES (?, ?, ?)`)
    this.#deleteLease = db.prepare(`DELETE FROM ${leases} WHERE id = ?`)
    this.#selectRow = db
      .prepare<[number], RowColumns>(`SELECT ${rowColumns} FROM ${rows} WHERE ordinal = ?`)
      .raw()
    this.#selectRows = db
      .prepare<[number, number], RowColumns>(
        `SELECT ${rowColumns} FROM ${rows} WHERE ordinal >= ? ORDER BY ordinal LIMIT ?`,
      )
      .raw()
    this.#scan = db
      .prepare<[number, number], RowColumns>(
        `SELECT ${headColumns} FROM ${rows} WHERE ordinal > ? ORDER BY ordinal LIMIT ?`,
      )
      .raw()
    this.#selectLeases = db.prepare<[], LeaseRow>(
      `SELECT id, ttl_seconds AS ttlSeconds, remaining_seconds AS remainingSeconds
        FROM ${leases} ORDER BY id`,
    )
  }

  write(rows: readonly Row[], leases: readonly LeaseRow[]): void {
    for (const { ordinal, kv } of rows) {
      this.#insertRow.run(
        ordinal,
        kv.key,
        kv.createRevision,
        kv.modRevision,
        kv.version,
        kv.lease,
        kv.value.length === 0 ? null : kv.value,
        checksumOf(ordinal, kv),
      )
    }
    for (const lease of leases) {
      this.#putLease.run(lease.id, lease.ttlSeconds, lease.remainingSeconds)
    }
  }

  delete(ordinals: readonly Ordinal[], leases: readonly LeaseId[]): void {
    for (const ordinal of ordinals) this.#deleteRow.run(ordinal)
    for (const id of leases) this.#deleteLease.run(id)
  }

  row(ordinal: Ordinal): KeyValue | null {
    const columns = this.#selectRow.get(ordinal)
    return columns === undefined ? null : keyValue(columns)
  }

  rows(ordinal: Ordinal, rowsMax: number, bytesMax: number): Row[] {
    const rows: Row[] = []
    let bytes = 0
    for (const columns of this.#selectRows.iterate(ordinal, rowsMax)) {
      const kv = keyValue(columns)
      rows.push({ ordinal: columns[0], kv })
      bytes += kv.key.length + kv.value.length
      if (bytes >= bytesMax) break
    }
    return rows
  }

  scan(visit: (head: RowHead) => void): void {
    let last = 0
    for (;;) {
      const page = this.#scan.all(last, scanPageRows)
      for (const columns of page) {
        const [ordinal, key, createRevision, modRevision, version, lease] = columns
        if (!(key instanceof Uint8Array)) {
          throw new BackendError('backend-corrupt', `row ${ordinal} has no key`)
        }
        visit({ ordinal, key, createRevision, modRevision, version, lease })
        last = ordinal
      }
      if (page.length < scanPageRows) return
    }
  }

  leases(): LeaseRow[] {
    return this.#selectLeases.all()
  }
}

function checksumOf(ordinal: Ordinal, kv: KeyValue): number {
  return new RunningHash()
    .number(ordinal)
    .number(kv.createRevision)
    .number(kv.modRevision)
    .number(kv.version)
    .number(kv.lease)
    .bytes(kv.key)
    .bytes(kv.value)
    .word()
}

/** Throws `backend-corrupt` for a row that is not as it was written. */
function keyValue(columns: RowColumns): KeyValue {
  const [ordinal, key, createRevision, modRevision, version, lease, value, checksum] = columns
  const kv = { key, value: value ?? noBytes, createRevision, modRevision, version, lease }
  const readable = key instanceof Uint8Array && kv.value instanceof Uint8Array
  if (!readable || checksumOf(ordinal, kv) !== checksum) {
    throw new BackendError('backend-corrupt', `row ${ordinal} of the applied state is damaged`)
  }
  return kv
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
