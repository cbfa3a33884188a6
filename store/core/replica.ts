// The contract between the replicated state machine (StoreCore) and the shells that drive it: the
// store's server, LocalStore, the simulator. Everything is synchronous; time comes as `nowMs`, any
// monotonic clock. Leadership is told, never asked. What it leaves out: reaching consensus.

import type { RaftsmanError } from '../../platform/errors.js'
import type { StateMachine, unfinished } from '../../raft/state-machine.js'
import type { Entry } from '../../raft/core/types.js'
import type { Alarms } from './alarm-command.js'
import type { AuthCheck } from './auth/auth-check.js'
import type { AuthView } from './auth/auth-state.js'
import type { Counts } from './counts.js'
import type { HashMarks } from './hash-command.js'
import type { ClusterVersion } from './cluster-command.js'
import type { Command, CommandResult } from './command.js'
import type { MemberTable } from './member-table.js'
import type { Sliced } from './sliced.js'
import type {
  KeyValue,
  HashKvResponse,
  LeaseGrantRequest,
  LeaseId,
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  Revision,
  TxnRequest,
  TxnResponse,
  WatchBatch,
  WatchRequest,
} from './types.js'

/** A cursor into the shared history. Costs no memory while it is slow. */
export interface Watcher {
  /** Lowest revision that has not been delivered. */
  readonly nextRevision: Revision
  /**
   * The next batch: whole revisions, as many as fit into `eventsBytesMax` but one at least; null
   * when caught up. With `fragments` a long revision comes in several batches, of one event at
   * least. A batch without events only says that the cursor moved (a slice of old history without a
   * match): ask again. Event objects are shared between watchers, so a server may keep their
   * encoding beside them. Throws CompactedError when history it needs is gone, and BackendError when
   * it cannot be read; the watch is over then.
   */
  next(eventsBytesMax: number, fragments?: boolean): WatchBatch | null
  /**
   * The revision up to which everything has been delivered, where that is `atLeast` or above; else
   * null: deliver on and ask again. A watch that starts in the future has no progress before.
   */
  progress(atLeast: Revision): Revision | null
  close(): void
}

export interface RangeSlice {
  readonly kvs: readonly KeyValue[]
  /** With the last slice. Null: ask again, in another turn; `kvs` may be empty all the same. */
  readonly end: RangeEnd | null
}

export interface RangeEnd {
  readonly more: boolean
  /** Keys in the range, whatever the limit and the filters. */
  readonly count: number
}

export interface RangeWalk {
  /** Of everything it gives. */
  readonly revision: Revision
  /**
   * About `bytesMax` bytes of key-values, one of them at least, or fewer where finding them is much
   * work: one call takes a few milliseconds at most where the disk does not tarry. Throws
   * CompactedError when a compaction has overtaken it, `sort-too-large` and `sort-memory-taken`
   * where keys are sorted, and BackendError; it is over then. Not to be called after the end.
   */
  next(bytesMax: number): RangeSlice
  /** For those that are left before their end. */
  close(): void
}

/** A range on its way out, all of one revision. Costs a position, and memory only where it sorts. */
export interface RangeCursor extends RangeWalk {
  /** Of the moment when it was opened. */
  readonly header: ResponseHeader
}

export interface LeaseRenewal {
  readonly id: LeaseId
  /** 0: no such lease, or it has expired already. */
  readonly ttlSeconds: number
  /**
   * Must be applied before the client is answered when not null: it withdraws a checkpoint of less
   * time, which a new leader would else go by.
   */
  readonly before: Command | null
}

export interface HashJob {
  /** Hashes about `keysMax` more keys; null while there is more to do. */
  step(keysMax: number): HashKvResponse | null
}

export interface FlushResult {
  /** Rows written. */
  readonly rows: number
  /** Applied index that is with the backend now. */
  readonly appliedIndex: number
}

/** Reading only: changes go through the log. */
export type MemberView = Pick<MemberTable, 'all' | 'get' | 'lastId'>

export interface Replica extends StateMachine {
  readonly revision: Revision
  readonly compactRevision: Revision
  /** Of everything ever applied: equal on members with equal `appliedIndex`. */
  readonly stateHash: string
  readonly dbSizeBytes: number
  readonly clusterVersion: ClusterVersion
  readonly alarms: Alarms
  readonly hashMarks: HashMarks
  /** What came back from the disk as another than was written; null while nothing has. */
  readonly damage: RaftsmanError | null
  /** Of the file on disk, what is free in it included. */
  readonly dbFileBytes: number
  /** What the log amounts to, the same on all members; what the quota is compared with. */
  readonly usedBytes: number
  /** Over all that is stored and not hidden by a compaction: equal on members with equal logs. */
  readonly contentDigest: string
  /** 0: none. */
  readonly quotaBytes: number
  readonly counts: Readonly<Counts>
  /** Keys that live at the current revision. */
  readonly keyCount: number
  readonly leaseCount: number
  readonly watcherCount: number
  /** Of those that have still to catch up. */
  readonly slowWatcherCount: number

  apply(entry: Entry): readonly CommandResult[] | typeof unfinished

  /** `raftTerm` is the term of the last applied entry unless told otherwise. */
  header(raftTerm?: number): ResponseHeader

  /**
   * Users, roles and permissions as they are applied here. Both are others after a restore. Reads and
   * watches do not look at permissions by themselves: who serves clients checks in the same turn.
   */
  readonly auth: AuthView
  readonly authCheck: AuthCheck
  /** Told after applied() or a restore when users, roles or the switch have changed. */
  onAuthChange(listener: () => void): void

  /** The whole answer at once, so for short ones only. Throws StoreError. */
  range(request: RangeRequest): RangeResponse
  /** Throws StoreError when the request cannot be read at all. */
  openRange(request: RangeRequest): RangeCursor
  /** A transaction that writes nothing on either branch, nested ones included. */
  isReadOnly(txn: TxnRequest): boolean
  /**
   * Before it is proposed, for somebody who takes an answer of so many bytes: null where it fits for certain,
   * else the work of finding out. Throws `answer-too-large` (see atomic-answer.ts), `range-interrupted` and
   * BackendError.
   */
  checkAnswer(command: Command, bytesMax?: number): Sliced<void> | null
  /** Evaluates a read-only transaction. Throws StoreError, and what `checkAnswer` does. */
  readTxn(txn: TxnRequest, bytesMax?: number): Sliced<TxnResponse>

  /**
   * Call next() until it gives null: from then on `onReadable` says, once, that there is something
   * to take. It is called from applied(), never from openWatch or next. Throws `key-empty`,
   * `empty-watch-range`, `too-many-ranges` and `too-many-watches`; history that is gone shows on the
   * first next().
   */
  openWatch(request: WatchRequest, onReadable: () => void): Watcher

  /** The command to propose: raises the TTL to the minimum. `pickedId` serves requests without id. */
  leaseGrantCommand(request: LeaseGrantRequest, pickedId: LeaseId): Command
  /** Only on the leader; throws StoreError `not-leader` elsewhere. */
  leaseKeepAlive(id: LeaseId, nowMs: number): LeaseRenewal
  /**
   * Call about twice a second on every member. On the leader it answers what to propose (revokes of
   * expired leases, checkpoints of remaining time); elsewhere nothing, and deadlines are forgotten.
   * A command is repeated in a later tick until it is applied.
   */
  leaseTick(nowMs: number, asLeader: boolean, term: number): readonly Command[]
  /**
   * A command of `leaseTick` was applied, or certainly will not be: renewals need not reckon with it
   * any more. Not to be called while nobody knows.
   */
  leaseCommandEnded(command: Command): void
  leaseTimeToLive(id: LeaseId, withKeys: boolean, nowMs: number): LeaseTimeToLiveResponse
  leaseLeases(): LeaseLeasesResponse

  /** What the replicated state knows of members; another object after a restore. */
  readonly members: MemberView

  /** True when enough has gathered for a transaction of its own; else flush every 50-100 ms. */
  readonly needsFlush: boolean
  /** True when apply would throw `back-pressure`: the buffer is full and cannot be written. */
  readonly saturated: boolean
  /** Rows and bytes applied but not yet with the backend. */
  readonly pendingRows: number
  readonly pendingBytes: number
  /** One transaction with everything that is pending. BackendError: nothing lost, try again. */
  flush(): FlushResult
  /** Makes flushed state durable (raises `durableIndex`). May take as long as a disk sync. */
  checkpoint(): void
  /**
   * True when so much was flushed, deleted or moved since the last checkpoint that a longer wait would
   * make it a long one: checkpoint behind this flush or slice. Else every few seconds.
   */
  readonly needsCheckpoint: boolean

  /** True while rows wait to be deleted. */
  readonly compacting: boolean
  /**
   * Looks at about `keysMax` keys and drops as many versions; true when the compaction is finished. While a snapshot is being
   * read it does nothing, so call it from a timer and not in a loop.
   */
  compactSlice(keysMax: number): boolean

  /**
   * Gives about so much of what is free in the file back to the disk; false when there is nothing to
   * give back now.
   */
  reclaimSlice(bytesMax: number): boolean

  /**
   * Reads that many more rows back from the backend and looks whether they are what they were; true at
   * the end of a round. What it finds shows in `damage`.
   */
  scrubSlice(rowsMax: number, bytesMax: number): boolean

  /** Throws CompactedError or `future-revision`. 0: the current revision. */
  hashKv(revision: Revision): HashJob
  /** Flushes, makes durable and closes the backend. Watchers get nothing more. */
  close(): void
}
