// The tables of one generation of a SQLite state file, and their statements: rows, leases, system
// records. Rows and records carry checksums of their own, for SQLite notices no flipped bit.

import type Database from 'better-sqlite3'
import {
  type BackendBatch,
  BackendError,
  type LeaseRow,
  type Ordinal,
  type Row,
  type RowHead,
  type StatePart,
} from '../core/backend.js'
import { rowChecksum } from '../core/row.js'
import { recordChecksum, type SystemRecord } from '../core/system-records.js'
import type { KeyValue } from '../core/types.js'

/** Pages are read whole: cheaper a row than a cursor. */
const scanPageRows = 2_000

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

const rowColumns = 'ordinal, key, create_revision, mod_revision, version, lease, value, checksum'
const headColumns =
  'ordinal, key, create_revision, mod_revision, version, lease, length(value), checksum'
const noBytes = new Uint8Array(0)

type HeadColumns = [
  ordinal: number,
  key: Buffer,
  create: number,
  mod: number,
  version: number,
  lease: number,
  valueBytes: number | null,
  checksum: number,
]

type RecordColumns = [name: string, value: Buffer, checksum: number]

/**
 * Creates what is missing of a generation. The index holds all that a start needs of the rows: without
 * it a start would go through every page of every value.
 */
export function createTables(db: Database.Database, generation: number): Tables {
  db.exec(`
    CREATE TABLE IF NOT EXISTS rows_${generation} (
      ordinal INTEGER PRIMARY KEY, key BLOB, create_revision INTEGER, mod_revision INTEGER,
      version INTEGER, lease INTEGER, value BLOB, checksum INTEGER);
    CREATE INDEX IF NOT EXISTS heads_${generation} ON rows_${generation} (${headColumns});
    CREATE TABLE IF NOT EXISTS leases_${generation} (
      id INTEGER PRIMARY KEY, ttl_seconds INTEGER, remaining_seconds INTEGER);
    CREATE TABLE IF NOT EXISTS records_${generation} (
      name TEXT PRIMARY KEY, value BLOB, checksum INTEGER)`)
  return new Tables(db, generation)
}

export function dropTables(db: Database.Database, generation: number): void {
  db.exec(`DROP TABLE IF EXISTS rows_${generation};
    DROP TABLE IF EXISTS leases_${generation};
    DROP TABLE IF EXISTS records_${generation}`)
}

export class Tables {
  readonly #insertRow: Database.Statement
  readonly #replaceRow: Database.Statement
  /** Up to it there may be rows of a process that was killed before they counted: they come again. */
  readonly #foundTo: Ordinal
  readonly #deleteRow: Database.Statement
  readonly #putLease: Database.Statement
  readonly #deleteLease: Database.Statement
  readonly #selectRow: Database.Statement<[number], RowColumns>
  readonly #selectRows: Database.Statement<[number, number], RowColumns>
  readonly #scan: Database.Statement<[number, number], HeadColumns>
  readonly #selectLeases: Database.Statement<[], LeaseRow>
  readonly #putRecord: Database.Statement
  readonly #deleteRecord: Database.Statement
  readonly #selectRecords: Database.Statement<[], RecordColumns>

  constructor(db: Database.Database, generation: number) {
    const rows = `rows_${generation}`
    const leases = `leases_${generation}`
    const records = `records_${generation}`
    const values = `INTO ${rows} (${rowColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
    this.#insertRow = db.prepare(`INSERT ${values}`)
    this.#replaceRow = db.prepare(`INSERT OR REPLACE ${values}`)
    this.#foundTo = Number(db.prepare(`SELECT max(ordinal) FROM ${rows}`).pluck().get() ?? 0)
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
      .prepare<[number, number], HeadColumns>(
        `SELECT ${headColumns} FROM ${rows} INDEXED BY heads_${generation}
          WHERE ordinal > ? ORDER BY ordinal LIMIT ?`,
      )
      .raw()
    this.#selectLeases = db.prepare<[], LeaseRow>(
      `SELECT id, ttl_seconds AS ttlSeconds, remaining_seconds AS remainingSeconds
        FROM ${leases} ORDER BY id`,
    )
    this.#putRecord = db.prepare(`INSERT OR REPLACE INTO ${records} VALUES (?, ?, ?)`)
    this.#deleteRecord = db.prepare(`DELETE FROM ${records} WHERE name = ?`)
    this.#selectRecords = db
      .prepare<[], RecordColumns>(`SELECT name, value, checksum FROM ${records}`)
      .raw()
  }

  write({ rows = [], leases = [], records = [] }: StatePart): void {
    for (const { ordinal, kv, checksum } of rows) {
      const statement = ordinal > this.#foundTo ? this.#insertRow : this.#replaceRow
      statement.run(
        ordinal,
        kv.key,
        kv.createRevision,
        kv.modRevision,
        kv.version,
        kv.lease,
        kv.value.length === 0 ? null : kv.value,
        checksum,
      )
    }
    for (const lease of leases) {
      this.#putLease.run(lease.id, lease.ttlSeconds, lease.remainingSeconds)
    }
    for (const record of records) {
      this.#putRecord.run(record.name, record.value, recordChecksum(record))
    }
  }

  delete(batch: BackendBatch): void {
    for (const ordinal of batch.deletedOrdinals) this.#deleteRow.run(ordinal)
    for (const id of batch.deletedLeases) this.#deleteLease.run(id)
    for (const name of batch.deletedRecords) this.#deleteRecord.run(name)
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
      rows.push({ ordinal: columns[0], kv, checksum: columns[7] })
      bytes += kv.key.length + kv.value.length
      if (bytes >= bytesMax) break
    }
    return rows
  }

  /** Rows up to `to`. */
  scan(to: Ordinal, visit: (head: RowHead) => void): void {
    let last = 0
    for (;;) {
      const page = this.#scan.all(last, scanPageRows)
      for (const columns of page) {
        const [ordinal, key, createRevision, modRevision, version, lease, value, checksum] = columns
        if (ordinal > to) return
        if (!(key instanceof Uint8Array)) {
          throw new BackendError('backend-corrupt', `row ${ordinal} has no key`)
        }
        const bytes = key.length + (value ?? 0)
        visit({ ordinal, key, createRevision, modRevision, version, lease, bytes, checksum })
        last = ordinal
      }
      if (page.length < scanPageRows) return
    }
  }

  leases(): LeaseRow[] {
    return this.#selectLeases.all()
  }

  /** Throws `backend-corrupt` for a record that is not as it was written. */
  records(): SystemRecord[] {
    return this.#selectRecords.all().map(([name, value, checksum]) => {
      const record = { name, value }
      const readable = typeof name === 'string' && value instanceof Uint8Array
      if (!readable || recordChecksum(record) !== checksum) {
        throw new BackendError('backend-corrupt', 'a system record is damaged')
      }
      return record
    })
  }
}

/** Throws `backend-corrupt` for a row that is not as it was written. */
function keyValue(columns: RowColumns): KeyValue {
  const [ordinal, key, createRevision, modRevision, version, lease, value, checksum] = columns
  const kv = { key, value: value ?? noBytes, createRevision, modRevision, version, lease }
  const readable = key instanceof Uint8Array && kv.value instanceof Uint8Array
  if (!readable || rowChecksum(ordinal, kv) !== checksum) {
    throw new BackendError('backend-corrupt', `row ${ordinal} of the applied state is damaged`)
  }
  return kv
}
