// The state as a stream of bytes, and back. Counterpart: etcd's snapshot of the bbolt file; ours is
// independent of the backend.
//
//   stream  frame*
//   frame   length of the body (u32, big endian), RunningHash over all bodies up to and with this
//           one (8 bytes), body: one MessagePack array
//   first   ['raftsman-state', format, appliedIndex, appliedTerm, revision, lastOrdinal,
//            compactRevision, compactedRows, stateHash]
//   then    ['leases', [id, ttlSeconds, remainingSeconds]*]
//           ['records', [name, value]*]                              format 2
//           ['rows', [ordinal, key, value, createRevision, modRevision, version, lease]*]
//   last    ['end', number of rows, number of leases, number of records (format 2)]
//
// A state without system records is written as format 1, which older members can still take.
//
// Rows never change once made, so the picture is "rows up to lastOrdinal": it needs no lock, only
// that compaction deletes nothing until it has been read.

import { must } from '../../platform/errors.js'
import type { PackedValue, UnpackRules } from '../../platform/msgpack.js'
import { packArray, unpackArray } from '../../platform/msgpack.js'
import type { LeaseRow, Ordinal, Row, StateMeta } from './backend.js'
import { StoreError } from './errors.js'
import { RunningHash } from './hash.js'
import {
  requestBytesMax,
  sessionLimits,
  systemRecordNameBytesMax,
  systemRecordsMax,
} from './limits.js'
import { makeRow } from './row.js'
import { isRecordName, type SystemRecord } from './system-records.js'

const magic = 'raftsman-state'
/** Both are read. */
const formats = { plain: 1, withRecords: 2 } as const
const headerBytes = 12
const rowsPerFrameMax = 512
const leasesPerFrameMax = 4096
const recordsPerFrameMax = 4096
const frameRowsBytesMax = 256 * 1024
/** Those of the sessions, and the one that counts them, are not among the system's. */
const recordsMax = systemRecordsMax + sessionLimits.sessionsMax + 1
/** A frame holds little, or one row or record of the largest size and what came before it. */
const frameBytesMax = frameRowsBytesMax + 2 * requestBytesMax
const rules: UnpackRules = {
  itemsMax: 100_000,
  depthMax: 4,
  textBytesMax: systemRecordNameBytesMax,
  numbers: 'own',
  // Rows outlive the frame.
  binaries: 'copies',
  error: detail => new StoreError('snapshot-corrupt', detail),
}

export type ReadRows = (from: Ordinal, rowsMax: number, bytesMax: number) => readonly Row[]

/** What of a state is small enough to be taken at once. */
export interface SnapshotHead {
  readonly meta: StateMeta
  readonly leases: readonly LeaseRow[]
  readonly records: readonly SystemRecord[]
}

export class SnapshotWriter {
  readonly #meta: StateMeta
  readonly #leases: readonly LeaseRow[]
  readonly #records: readonly SystemRecord[]
  readonly #readRows: ReadRows
  readonly #hash = new RunningHash()
  /** Encoded, not yet handed out. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #stage: 'meta' | 'leases' | 'records' | 'rows' | 'done' = 'meta'
  #lease = 0
  #record = 0
  #ordinal: Ordinal = 1
  #rows = 0

  constructor({ meta, leases, records }: SnapshotHead, readRows: ReadRows) {
    this.#meta = meta
    this.#leases = leases
    this.#records = records
    this.#readRows = readRows
  }

  /** At most `bytesMax` bytes; null at the end. */
  read(bytesMax: number): Uint8Array | null {
    while (this.#queuedBytes < bytesMax && this.#stage !== 'done') this.#advance()
    if (this.#queuedBytes === 0) return null
    const chunk = new Uint8Array(Math.min(bytesMax, this.#queuedBytes))
    let filled = 0
    while (filled < chunk.length) {
      const first = must(this.#queue[0], 'queued bytes')
      const part = first.subarray(0, chunk.length - filled)
      chunk.set(part, filled)
      filled += part.length
      if (part.length === first.length) this.#queue.shift()
      else this.#queue[0] = first.subarray(part.length)
    }
    this.#queuedBytes -= filled
    return chunk
  }

  #advance(): void {
    if (this.#stage === 'meta') {
      const m = this.#meta
      this.#frame([
        magic,
        this.#records.length === 0 ? formats.plain : formats.withRecords,
        m.appliedIndex,
        m.appliedTerm,
        m.revision,
        m.lastOrdinal,
        m.compactRevision,
        m.compactedRows,
        m.stateHash,
      ])
      this.#stage = 'leases'
    } else if (this.#stage === 'leases') {
      const slice = this.#leases.slice(this.#lease, this.#lease + leasesPerFrameMax)
      this.#lease += slice.length
      if (slice.length === 0) this.#stage = 'records'
      else this.#frame(['leases', slice.map(l => [l.id, l.ttlSeconds, l.remainingSeconds])])
    } else if (this.#stage === 'records') {
      this.#advanceRecords()
    } else {
      this.#advanceRows()
    }
  }

  #advanceRecords(): void {
    const slice: PackedValue[] = []
    let bytes = 0
    while (slice.length < recordsPerFrameMax && bytes < frameRowsBytesMax) {
      const record = this.#records[this.#record]
      if (record === undefined) break
      this.#record++
      slice.push([record.name, record.value])
      bytes += record.name.length + record.value.length
    }
    if (slice.length === 0) this.#stage = 'rows'
    else this.#frame(['records', slice])
  }

  #advanceRows(): void {
    const last = this.#meta.lastOrdinal
    const rows = this.#readRows(this.#ordinal, rowsPerFrameMax, frameRowsBytesMax).filter(
      row => row.ordinal <= last,
    )
    const final = rows.at(-1)
    if (final === undefined) {
      const records = this.#records.length
      const counts = [this.#rows, this.#leases.length]
      this.#frame(['end', ...counts, ...(records === 0 ? [] : [records])])
      this.#stage = 'done'
      return
    }
    this.#ordinal = final.ordinal + 1
    this.#rows += rows.length
    this.#frame(['rows', rows.map(encodeRow)])
  }

  #frame(payload: readonly PackedValue[]): void {
    const body = packArray(payload)
    const framed = new Uint8Array(headerBytes + body.length)
    const digest = this.#hash.bytes(body).digest()
    const view = new DataView(framed.buffer)
    view.setUint32(0, body.length)
    view.setUint32(4, Number.parseInt(digest.slice(0, 8), 16))
    view.setUint32(8, Number.parseInt(digest.slice(8), 16))
    framed.set(body, headerBytes)
    this.#queue.push(framed)
    this.#queuedBytes += framed.length
  }
}

export interface SnapshotHandlers {
  /** First, once. */
  readonly onMeta: (meta: StateMeta) => void
  readonly onLeases: (leases: readonly LeaseRow[]) => void
  /** Each name once. */
  readonly onRecords: (records: readonly SystemRecord[]) => void
  /** In ascending order. */
  readonly onRows: (rows: readonly Row[]) => void
}

/** Throws StoreError `snapshot-corrupt` for whatever is no whole, undamaged stream. */
export class SnapshotReader {
  readonly #handlers: SnapshotHandlers
  readonly #hash = new RunningHash()
  #buffered = new Uint8Array(0)
  #meta: StateMeta | null = null
  #rows = 0
  #leases = 0
  readonly #names = new Set<string>()
  #lastOrdinal: Ordinal = 0
  #ended = false

  constructor(handlers: SnapshotHandlers) {
    this.#handlers = handlers
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk
    if (this.#buffered.length > 0) {
      bytes = new Uint8Array(this.#buffered.length + chunk.length)
      bytes.set(this.#buffered)
      bytes.set(chunk, this.#buffered.length)
    }
    let at = 0
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    while (!this.#ended && bytes.length - at >= headerBytes) {
      const length = view.getUint32(at)
      if (length > frameBytesMax) corrupt('a frame is too large')
      if (bytes.length - at - headerBytes < length) break
      const body = bytes.subarray(at + headerBytes, at + headerBytes + length)
      this.#check(body, view.getUint32(at + 4), view.getUint32(at + 8))
      this.#frame(body)
      at += headerBytes + length
    }
    // A stream in a file is padded with zeros.
    if (this.#ended && bytes.subarray(at).some(byte => byte !== 0)) corrupt('frames follow the end')
    this.#buffered = this.#ended ? new Uint8Array(0) : bytes.slice(at)
  }

  /** The meta data, once everything has come and been checked. */
  finish(): StateMeta {
    if (!this.#ended || this.#buffered.length > 0 || this.#meta === null) corrupt('it is cut short')
    return this.#meta
  }

  /** Before anything of the frame is looked at. */
  #check(body: Uint8Array, high: number, low: number): void {
    const digest = this.#hash.bytes(body).digest()
    const sound =
      Number.parseInt(digest.slice(0, 8), 16) === high &&
      Number.parseInt(digest.slice(8), 16) === low
    if (!sound) corrupt('the checksum does not match')
  }

  #frame(body: Uint8Array): void {
    if (this.#ended) corrupt('frames follow the end')
    const fields = unpackArray(body, rules)
    const [kind] = fields
    if (this.#meta === null) {
      this.#meta = decodeMeta(fields)
      this.#handlers.onMeta(this.#meta)
    } else if (kind === 'leases') {
      const leases = list(fields[1]).map(decodeLease)
      this.#leases += leases.length
      this.#handlers.onLeases(leases)
    } else if (kind === 'records') {
      this.#takeRecords(list(fields[1]).map(decodeRecord))
    } else if (kind === 'rows') {
      this.#takeRows(list(fields[1]).map(decodeRow), this.#meta)
    } else if (kind === 'end') {
      const [, rows, leases, records = 0] = fields
      const whole = rows === this.#rows && leases === this.#leases && records === this.#names.size
      if (!whole) corrupt('parts are missing')
      this.#ended = true
    } else {
      corrupt('a frame is not known')
    }
  }

  #takeRecords(records: readonly SystemRecord[]): void {
    for (const { name } of records) {
      if (this.#names.has(name)) corrupt('a record comes twice')
      if (this.#names.size >= recordsMax) corrupt('too many records')
      this.#names.add(name)
    }
    this.#handlers.onRecords(records)
  }

  #takeRows(rows: readonly Row[], meta: StateMeta): void {
    for (const { ordinal, kv } of rows) {
      if (ordinal <= this.#lastOrdinal || ordinal > meta.lastOrdinal) corrupt('rows out of order')
      if (kv.modRevision > meta.revision) corrupt('a row of the future')
      this.#lastOrdinal = ordinal
    }
    this.#rows += rows.length
    this.#handlers.onRows(rows)
  }
}

function corrupt(detail: string): never {
  throw new StoreError('snapshot-corrupt', detail)
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) corrupt('an array was expected')
  return value as unknown[]
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) corrupt('a number was expected')
  return value as number
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) corrupt('bytes were expected')
  return value
}

function encodeRow({ ordinal, kv }: Row): PackedValue[] {
  return [ordinal, kv.key, kv.value, kv.createRevision, kv.modRevision, kv.version, kv.lease]
}

function decodeRow(value: unknown): Row {
  const [ordinal, key, content, createRevision, modRevision, version, lease] = list(value)
  const kv = {
    key: bytes(key),
    value: bytes(content),
    createRevision: integer(createRevision),
    modRevision: integer(modRevision),
    version: integer(version),
    lease: integer(lease),
  }
  return makeRow(integer(ordinal), kv)
}

function decodeLease(value: unknown): LeaseRow {
  const [id, ttlSeconds, remainingSeconds] = list(value).map(integer)
  return {
    id: integer(id),
    ttlSeconds: integer(ttlSeconds),
    remainingSeconds: integer(remainingSeconds),
  }
}

function decodeRecord(value: unknown): SystemRecord {
  const [name, content] = list(value)
  if (typeof name !== 'string' || !isRecordName(name)) corrupt('a record has no name')
  return { name, value: bytes(content) }
}

function decodeMeta(fields: readonly unknown[]): StateMeta {
  if (fields[0] !== magic) corrupt('it is no snapshot')
  const known = fields[1] === formats.plain || fields[1] === formats.withRecords
  if (!known) corrupt(`format version ${String(fields[1])} is not known`)
  const stateHash = fields[8]
  if (typeof stateHash !== 'string' || !/^[0-9a-f]{16}$/.test(stateHash)) corrupt('no state hash')
  return {
    appliedIndex: integer(fields[2]),
    appliedTerm: integer(fields[3]),
    revision: integer(fields[4]),
    lastOrdinal: integer(fields[5]),
    compactRevision: integer(fields[6]),
    compactedRows: integer(fields[7]),
    stateHash,
  }
}
