// What the log amounts to, in memory: the parts that commands are applied to. All of it is made anew
// from the backend on start and from a snapshot on restore, and replaced as a whole. Typed views of
// system records (users, members, alarms, sessions) belong here, beside the records they are made from.

import { assert } from '../../platform/errors.js'
import { Alarms } from './alarm-command.js'
import { AuthCheck } from './auth/auth-check.js'
import { AuthState } from './auth/auth-state.js'
import { type Backend, type BackendBatch, BackendError, type StateMeta } from './backend.js'
import { ClientSessions, clientFamily } from './sessions/client-sessions.js'
import { ClusterVersion } from './cluster-command.js'
import { Compactor } from './compaction.js'
import type { Counts } from './counts.js'
import { HashMarks } from './hash-command.js'
import { RunningHash } from './hash.js'
import { StoreError } from './errors.js'
import { Kv, type OnEvent } from './kv.js'
import { LeaseClock, type LeaseClockConfig } from './leases/lease-clock.js'
import type { SessionLimits } from './limits.js'
import { MemberTable } from './member-table.js'
import { Quota } from './quota-command.js'
import { RowStore } from './row-store.js'
import { Pace } from './sliced.js'
import type { StateBuilder } from './state.js'
import { type SystemRecord, SystemRecords } from './system-records.js'
import type { ResponseHeader, Revision } from './types.js'

/** What is known of the entry a command stands in. */
export interface EntryContext {
  readonly index: number
  /** The member that proposed it. */
  readonly origin: number
  readonly term: number
  /** `raftTerm` is the entry's unless told otherwise. */
  readonly header: (revision: Revision, raftTerm?: number) => ResponseHeader
}

export interface AppliedState {
  readonly kv: Kv
  readonly records: SystemRecords
  readonly sessions: ClientSessions
  readonly auth: AuthState
  readonly authCheck: AuthCheck
  readonly members: MemberTable
  readonly version: ClusterVersion
  readonly alarms: Alarms
  readonly quota: Quota
  readonly hashMarks: HashMarks
  readonly compactor: Compactor
  readonly leaseClock: LeaseClock
}

export interface AppliedStateParts {
  readonly backend: Backend
  readonly meta: StateMeta
  /** Has taken everything, and has been found sound. */
  readonly builder: StateBuilder
  readonly cacheBytesMax: number
  /** Of the cluster, that this program knows. */
  readonly versionMax: number
  readonly sliceWorkMax: number
  readonly sessions: SessionLimits
  readonly leaseClock: LeaseClockConfig
  /** Goes on from one state to the next. */
  readonly counts: Counts
  readonly onEvent: OnEvent
}

export function makeAppliedState(parts: AppliedStateParts): AppliedState {
  const { meta, builder, counts } = parts
  const { index, leases, content } = builder
  const { revision, compactRevision } = meta
  const rows = new RowStore(parts.backend, meta.lastOrdinal, parts.cacheBytesMax)
  const hash = RunningHash.resume(meta.stateHash)
  const isSession = ({ name }: SystemRecord) => name.startsWith(clientFamily)
  const records = new SystemRecords(
    builder.records.filter(record => !isSession(record)),
    hash,
  )
  const auth = authOf(records)
  const pace = new Pace(parts.sliceWorkMax)
  const kvState = { index, rows, leases, hash, content, counts, revision, compactRevision, pace }
  return {
    kv: new Kv(kvState, parts.onEvent),
    records,
    sessions: new ClientSessions(builder.records.filter(isSession), hash, parts.sessions),
    auth,
    authCheck: new AuthCheck(auth, leases),
    members: new MemberTable(records),
    version: new ClusterVersion(records, parts.versionMax),
    alarms: new Alarms(records),
    quota: new Quota(records),
    hashMarks: new HashMarks(records),
    compactor: new Compactor(meta.compactedRows, compactRevision),
    leaseClock: new LeaseClock(leases, parts.leaseClock),
  }
}

function authOf(records: SystemRecords): AuthState {
  try {
    return new AuthState(records)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new BackendError('backend-corrupt', 'the stored users and roles cannot be read', error)
  }
}

/** Throws UnknownCommandError for a state that is of a later version than `versionMax`. */
export function checkVersion({ records }: StateBuilder, versionMax: number): void {
  const version = new ClusterVersion(new SystemRecords(records, new RunningHash()), versionMax)
  assert(version.version <= versionMax, 'a version that is known')
}

/** Writes everything that is pending in one transaction; answers how many rows. */
export function flushState({ kv, records, sessions }: AppliedState, meta: StateMeta): number {
  const leaseChanges = kv.leases.changes()
  const recordChanges = records.changes()
  const sessionChanges = sessions.changes()
  const beside: Omit<BackendBatch, 'meta' | 'rows' | 'deletedOrdinals'> = {
    leases: leaseChanges.leases,
    deletedLeases: leaseChanges.deleted,
    records: [...recordChanges.records, ...sessionChanges.records],
    deletedRecords: [...recordChanges.deleted, ...sessionChanges.deleted],
  }
  const written = kv.rows.flush(meta, beside)
  kv.leases.flushed()
  records.flushed()
  sessions.flushed()
  return written
}
