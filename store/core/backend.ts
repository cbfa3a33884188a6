// Where applied state lives, as the state machine sees it: rows in the order in which they were
// made, the lease table, the system records and one record of meta data, changed together in
// synchronous transactions.
// Counterpart: etcd's backend over bbolt. It knows nothing of revisions beyond keeping them.

import { RaftsmanError } from '../../platform/errors.js'
import type { SystemRecord } from './system-records.js'
import type { KeyValue, LeaseId, Revision } from './types.js'

/**
 * Number of a row: 1 for the first ever made, without gaps when made. Order of ordinals is order of
 * (revision, operation within it). The same on all members.
 */
export type Ordinal = number

/** One version of a key. A deletion has version 0 and neither value nor lease. */
export interface Row {
  readonly ordinal: Ordinal
  readonly kv: KeyValue
  /** rowChecksum of the two, as it was when the row was made. */
  readonly checksum: number
}

export interface LeaseRow {
  readonly id: LeaseId
  readonly ttlSeconds: number
  /** 0: never checkpointed, the whole TTL. */
  readonly remainingSeconds: number
}

/** What must be known beside rows and leases to go on from a stored state. */
export interface StateMeta {
  readonly appliedIndex: number
  readonly appliedTerm: number
  readonly revision: Revision
  readonly lastOrdinal: Ordinal
  readonly compactRevision: Revision
  /** Rows up to this compaction have been deleted; below compactRevision while that goes on. */
  readonly compactedRows: Revision
  /** RunningHash over everything ever applied. */
  readonly stateHash: string
}

/** One transaction: all of it or nothing, `meta` included. */
export interface BackendBatch {
  readonly meta: StateMeta
  /** Ordinals ascend and lie above all stored. */
  readonly rows: readonly Row[]
  readonly deletedOrdinals: readonly Ordinal[]
  readonly leases: readonly LeaseRow[]
  readonly deletedLeases: readonly LeaseId[]
  /** New ones, and such as have a new value. */
  readonly records: readonly SystemRecord[]
  readonly deletedRecords: readonly string[]
}

/** A row without its value, as the index needs it. */
export interface RowHead {
  readonly ordinal: Ordinal
  readonly key: Uint8Array
  readonly createRevision: Revision
  readonly modRevision: Revision
  readonly version: number
  readonly lease: LeaseId
  /** Of key and value. */
  readonly bytes: number
  readonly checksum: number
}

export type BackendErrorCode = 'backend-full' | 'backend-corrupt' | 'backend-io' | 'backend-closed'

/**
 * `backend-full`: nothing of the batch was written, and a retry helps once there is room.
 * `backend-corrupt`: the state must be built again, from a snapshot of another member.
 */
export class BackendError extends RaftsmanError {
  declare readonly code: BackendErrorCode

  constructor(code: BackendErrorCode, message: string, cause?: unknown) {
    super(message, { code, retryable: code === 'backend-full', outcome: 'not-applied', cause })
  }
}

/** Rows in order, and of everything each only once over all parts. */
export interface StatePart {
  readonly rows?: readonly Row[]
  readonly leases?: readonly LeaseRow[]
  readonly records?: readonly SystemRecord[]
}

/** A whole new state that is not seen before `commit`. */
export interface BackendRestore {
  write(part: StatePart): void
  /** Atomically and durably in place of the present state. */
  commit(meta: StateMeta): void
  abort(): void
}

/** Every method is synchronous and throws BackendError. */
export interface Backend {
  /** Null for a store that has never been written. */
  readonly meta: StateMeta | null
  /** The applied index up to which the state survives a power cut. */
  readonly durableIndex: number
  /** Taken by what is stored. */
  readonly sizeBytes: number
  /** Of the file; what was stored in it once and is free now included. */
  readonly fileBytes: number
  commit(batch: BackendBatch): void
  /**
   * Rows ahead of the batch that they belong to. They can be read at once, and count from the next commit
   * on; those that are found without it when the backend is opened are no part of the state, and are gone.
   */
  stage(rows: readonly Row[]): void
  readRow(ordinal: Ordinal): KeyValue | null
  /** Rows from `ordinal` on, in order: at most `rowsMax`, and no more after `bytesMax`. */
  readRows(ordinal: Ordinal, rowsMax: number, bytesMax: number): readonly Row[]
  /** Every row, in order, without values. */
  scan(visit: (head: RowHead) => void): void
  leases(): readonly LeaseRow[]
  records(): readonly SystemRecord[]
  /** Makes what is committed durable, or a slice of it; `durableIndex` tells. May take long. */
  checkpoint(): void
  /**
   * Gives about `bytesMax` of what is free in the file back to the disk, which the next checkpoints make
   * visible; false when there was nothing to give. Takes time in proportion to `bytesMax`.
   */
  reclaim(bytesMax: number): boolean
  beginRestore(): BackendRestore
  close(): void
}
