// The replicated state machine: entries of the log in, answers and events out. Counterpart: etcd's
// applier, mvcc store, lessor and watchable store taken together. It holds the parts together and
// keeps the order between them; it has no clock, no randomness and no promise, so that equal logs
// give equal states. What it leaves out: alarms, quota.

import { assert } from '../../platform/errors.js'
import type { Entry, LogIndex } from '../../raft/core/types.js'
import { logIndex } from '../../raft/core/types.js'
import { type SnapshotSink, type SnapshotSource, unfinished } from '../../raft/state-machine.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Alarms } from './alarm-command.js'
import { type AppliedState, flushState, checkVersion, makeAppliedState } from './applied-state.js'
import { applyEntry } from './apply-entry.js'
import { checkAnswer } from './atomic-answer.js'
import type { AuthCheck } from './auth/auth-check.js'
import type { AuthView } from './auth/auth-state.js'
import type { ClusterVersion } from './cluster-command.js'
import { type Backend, BackendError, type Ordinal, type StateMeta } from './backend.js'
import type { Command, CommandResult } from './command.js'
import { contentDigest } from './content.js'
import { asRaftsmanError, CompactedError, rangeInterrupted, StoreError } from './errors.js'
import { Counts } from './counts.js'
import type { HashMarks } from './hash-command.js'
import { HashWalk } from './hash-kv.js'
import { keyBytes } from './key-range.js'
import { Headers } from './headers.js'
import type { Kv } from './kv.js'
import { leaseClockDefaults } from './leases/lease-clock.js'
import { sessionLimits } from './limits.js'
import { openRange } from './range/range-cursor.js'
import { checkReadable } from './range/range-plan.js'
import { SortMemory } from './range/range-sort.js'
import { readRange } from './range/range.js'
import type {
  FlushResult,
  HashJob,
  LeaseRenewal,
  MemberView,
  RangeCursor,
  Replica,
  Watcher,
} from './replica.js'
import { usedBytes } from './quota-command.js'
import { RestoreSink } from './restore.js'
import { Settled } from './settled.js'
import { atOnce, type Sliced } from './sliced.js'
import { SnapshotWriter } from './snapshot.js'
import { snapshotSource } from './snapshot-source.js'
import { emptyMeta, StateBuilder } from './state.js'
import { isReadOnlyTxn, readTxn } from './txn.js'
import type {
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
  WatchRequest,
} from './types.js'
import {
  type StoreCoreConfig,
  type StoreCoreDefaults,
  storeCoreDefaults,
} from './store-core-config.js'
import { checkCommand, checkRange, checkTxn } from './validate.js'
import { WatchLog, watchLimitDefaults } from './watch/watch.js'

export class StoreCore implements Replica {
  readonly #backend: Backend
  readonly #config: StoreCoreConfig & StoreCoreDefaults
  #appliedIndex: number
  #appliedTerm: number
  #flushedIndex: number
  #state: AppliedState
  readonly #watchLog: WatchLog
  readonly #headers: Headers
  readonly #sortMemory: SortMemory
  readonly counts = new Counts()
  #openSnapshots = 0
  #bytesSinceCheckpoint = 0
  #closed = false
  #restoring: RestoreSink | null = null
  readonly #authListeners: (() => void)[] = []
  #toldAuth: object
  /** The entry behind the applied index, while it takes several turns. */
  #underWay: Sliced<readonly CommandResult[]> | null = null
  readonly #waitingSnapshots: ((error: null, source: SnapshotSource) => void)[] = []
  /** What broke an apply half-way: nothing of this state may be written or served any more. */
  #broken: unknown = null

  /** Reads what the backend holds. Throws BackendError; `backend-corrupt`: build it anew. */
  constructor(backend: Backend, config: StoreCoreConfig) {
    this.#backend = backend
    this.#headers = new Headers(config)
    this.#config = { ...storeCoreDefaults, ...config }
    this.#sortMemory = new SortMemory(this.#config.sortBytesMax)
    const meta = backend.meta ?? emptyMeta
    const builder = new StateBuilder()
    for (const lease of backend.leases()) builder.lease(lease)
    for (const record of backend.records()) builder.record(record)
    backend.scan(head => builder.row(head))
    if (!builder.finish(meta)) {
      throw new BackendError('backend-corrupt', 'the stored rows do not fit together')
    }
    this.#appliedIndex = meta.appliedIndex
    this.#appliedTerm = meta.appliedTerm
    this.#flushedIndex = meta.appliedIndex
    this.#state = this.#makeState(builder, meta)
    this.#toldAuth = this.auth.mark
    this.#watchLog = new WatchLog(this.#kv, { ...watchLimitDefaults, ...config.watch })
  }

  get appliedIndex(): LogIndex {
    return logIndex(this.#appliedIndex)
  }

  get durableIndex(): LogIndex {
    return logIndex(this.#backend.durableIndex)
  }

  get snapshotBytes(): number {
    return this.usedBytes
  }

  get revision(): Revision {
    return this.#kv.revision
  }

  get compactRevision(): Revision {
    return this.#kv.compactRevision
  }

  get clusterVersion(): ClusterVersion {
    return this.#state.version
  }

  get dbFileBytes(): number {
    return this.#backend.fileBytes
  }

  reclaimSlice(bytesMax: number): boolean {
    this.#assertSound()
    if (this.#restoring !== null) return false
    this.#bytesSinceCheckpoint += bytesMax
    return this.#backend.reclaim(bytesMax)
  }

  /** Bytes that the log amounts to, the same on all members; what the quota is compared with. */
  get usedBytes(): number {
    return usedBytes(this.#state)
  }

  /** Over all that is stored and not hidden by a compaction: equal on members with equal logs. */
  get contentDigest(): string {
    return contentDigest(this.#state)
  }

  /** 0: none. */
  get quotaBytes(): number {
    return this.#state.quota.bytes
  }

  get damage(): BackendError | null {
    return this.#kv.rows.damage
  }

  /** First row that the present round has still to look at. */
  #scrubbed: Ordinal = 1

  scrubSlice(rowsMax: number, bytesMax: number): boolean {
    if (this.#broken !== null || this.damage !== null) return true
    const { rows, index } = this.#kv
    try {
      this.#scrubbed = rows.scrub(this.#scrubbed, index, rowsMax, bytesMax) ?? 1
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
    }
    return this.#scrubbed === 1
  }

  get hashMarks(): HashMarks {
    return this.#state.hashMarks
  }

  get alarms(): Alarms {
    return this.#state.alarms
  }

  get stateHash(): string {
    return this.#kv.hash.digest()
  }

  get dbSizeBytes(): number {
    return this.#backend.sizeBytes + this.#kv.rows.pendingBytes
  }

  /** Keys that live at the current revision. */
  get keyCount(): number {
    return this.#kv.index.live
  }

  get watcherCount(): number {
    return this.#watchLog.watcherCount
  }

  get slowWatcherCount(): number {
    return this.#watchLog.slowWatcherCount
  }

  get leaseCount(): number {
    return this.#kv.leases.size
  }

  apply(entry: Entry): readonly CommandResult[] | typeof unfinished {
    assert(entry.index === this.#appliedIndex + 1, 'entries are applied in order, each once')
    this.#assertSound()
    this.#makeRoom()
    const term = Math.max(this.#appliedTerm, entry.term)
    const work = this.#underWay ?? this.#begin(entry, term)
    let step: IteratorResult<undefined, readonly CommandResult[]>
    try {
      step = work.next()
    } catch (error) {
      this.#broken = error
      throw error
    }
    if (step.done !== true) {
      this.#underWay = work
      this.#watchLog.hold()
      return unfinished
    }
    this.#underWay = null
    this.#appliedIndex = entry.index
    this.#appliedTerm = term
    this.#openWaitingSnapshots()
    return step.value
  }

  #begin(entry: Entry, term: number): Sliced<readonly CommandResult[]> {
    const { index, origin } = entry
    const header = (revision: Revision, raftTerm = term) => this.#headers.at(revision, raftTerm)
    return applyEntry(this.#state, entry, { index, origin, term, header })
  }

  applied(): void {
    // What was applied before it is told of together with it.
    if (this.#underWay !== null) return
    // First, so that nobody is shown what was written after its permission had gone.
    this.#tellAuth()
    this.#watchLog.publish()
  }

  get auth(): AuthView {
    return this.#state.auth
  }

  get authCheck(): AuthCheck {
    return this.#state.authCheck
  }

  onAuthChange(listener: () => void): void {
    this.#authListeners.push(listener)
  }

  #tellAuth(): void {
    if (this.#toldAuth === this.auth.mark) return
    this.#toldAuth = this.auth.mark
    for (const listener of this.#authListeners) listener()
  }

  header(raftTerm = this.#appliedTerm): ResponseHeader {
    return this.#headers.at(this.#kv.revision, raftTerm)
  }

  range(request: RangeRequest): RangeResponse {
    this.#assertSound()
    checkRange(request)
    this.counts.ranges++
    return { header: this.header(), ...atOnce(readRange(this.#settled(), request)) }
  }

  openRange(request: RangeRequest): RangeCursor {
    this.#assertSound()
    checkRange(request)
    this.counts.ranges++
    return openRange(() => this.#settled(), request, this.header(), this.#sortMemory)
  }

  isReadOnly(txn: TxnRequest): boolean {
    return isReadOnlyTxn(txn)
  }

  checkAnswer(command: Command, bytesMax = Number.POSITIVE_INFINITY): Sliced<void> | null {
    return this.#checkAnswer(this.#settled(), command, bytesMax)
  }

  #checkAnswer(source: Settled, command: Command, bytesMax: number): Sliced<void> | null {
    return checkAnswer(source, command, Math.min(bytesMax, this.#config.atomicAnswerBytesMax))
  }

  *readTxn(txn: TxnRequest, bytesMax = Number.POSITIVE_INFINITY): Sliced<TxnResponse> {
    assert(isReadOnlyTxn(txn), 'only transactions that write nothing bypass the log')
    checkTxn(txn)
    const source = this.#settled()
    const term = this.#appliedTerm
    const check = this.#checkAnswer(source, { kind: 'txn', request: txn }, bytesMax)
    try {
      if (check !== null) yield* check
      return yield* readTxn(source, txn, revision => this.#headers.at(revision, term))
    } catch (error) {
      const overtaken =
        error instanceof CompactedError && source.readRevision < this.compactRevision
      throw overtaken ? rangeInterrupted() : error
    }
  }

  /** What readers see: nothing of an entry that is under way. */
  #settled(): Settled {
    return new Settled(() => {
      this.#assertSound()
      return this.#kv
    })
  }

  openWatch(request: WatchRequest, onReadable: () => void): Watcher {
    return this.#watchLog.open(request, onReadable)
  }

  leaseGrantCommand(request: LeaseGrantRequest, pickedId: LeaseId): Command {
    const id = (request.id ?? 0) === 0 ? pickedId : (request.id ?? 0)
    const ttlSeconds = Math.max(Math.ceil(request.ttlSeconds), this.#config.leaseTtlSecondsMin)
    const command: Command = { kind: 'leaseGrant', id, ttlSeconds }
    checkCommand(command)
    return command
  }

  leaseKeepAlive(id: LeaseId, nowMs: number): LeaseRenewal {
    const renewal = this.#state.leaseClock.keepAlive(id, nowMs)
    if (renewal.ttlSeconds > 0) this.counts.leasesRenewed++
    return renewal
  }

  leaseTick(nowMs: number, asLeader: boolean, term: number): readonly Command[] {
    return this.#state.leaseClock.tick(nowMs, asLeader, term)
  }

  leaseCommandEnded(command: Command): void {
    this.#state.leaseClock.ended(command)
  }

  leaseTimeToLive(id: LeaseId, withKeys: boolean, nowMs: number): LeaseTimeToLiveResponse {
    const lease = this.#kv.leases.get(id)
    const header = this.header()
    if (lease === undefined) return { header, id, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] }
    return {
      header,
      id,
      ttlSeconds: this.#state.leaseClock.remainingSeconds(lease, nowMs),
      grantedTtlSeconds: lease.ttlSeconds,
      keys: withKeys ? [...lease.keys].sort().map(keyBytes) : [],
    }
  }

  leaseLeases(): LeaseLeasesResponse {
    const leases = Array.from(this.#kv.leases.all(), lease => lease.id)
    return { header: this.header(), leases: leases.sort((a, b) => a - b) }
  }

  get members(): MemberView {
    return this.#state.members
  }

  get pendingRows(): number {
    return this.#kv.rows.pendingRows
  }

  get pendingBytes(): number {
    return this.#kv.rows.pendingBytes
  }

  get needsFlush(): boolean {
    return (
      this.pendingRows + this.#changedBeside() >= this.#config.flushRows ||
      this.pendingBytes >= this.#config.flushBytes
    )
  }

  #changedBeside(): number {
    const { records, sessions } = this.#state
    return this.#kv.leases.changedCount + records.changedCount + sessions.changedCount
  }

  get saturated(): boolean {
    return this.pendingBytes >= this.#config.pendingBytesMax
  }

  flush(): FlushResult {
    this.#assertSound()
    const { rows } = this.#kv
    if (this.#underWay !== null) {
      // Rows alone: what the state is beside them belongs to an index that is not reached yet.
      this.#bytesSinceCheckpoint += rows.pendingBytes
      return { rows: rows.stage(), appliedIndex: this.#flushedIndex }
    }
    if (this.#appliedIndex === this.#flushedIndex && rows.pendingRows === 0) {
      return { rows: 0, appliedIndex: this.#flushedIndex }
    }
    const bytes = rows.flushBytes
    const written = flushState(this.#state, this.#meta())
    this.#bytesSinceCheckpoint += bytes
    this.#flushedIndex = this.#appliedIndex
    return { rows: written, appliedIndex: this.#appliedIndex }
  }

  get needsCheckpoint(): boolean {
    return this.#bytesSinceCheckpoint >= this.#config.checkpointBytes
  }

  checkpoint(): void {
    this.#backend.checkpoint()
    this.#bytesSinceCheckpoint = 0
  }

  makeDurable(done: (error: RaftsmanError | null) => void): void {
    try {
      this.flush()
      this.checkpoint()
    } catch (error) {
      done(asRaftsmanError(error))
      return
    }
    // A picture that is being read keeps a checkpoint from its end; at a start nobody reads.
    assert(this.durableIndex === this.#appliedIndex, 'a checkpoint makes all of it durable')
    done(null)
  }

  get compacting(): boolean {
    return this.#state.compactor.pending
  }

  compactSlice(keysMax: number): boolean {
    this.#assertSound()
    // An open snapshot reads rows by number: none may go meanwhile.
    if (this.#openSnapshots > 0) return !this.#state.compactor.pending
    const { compactor } = this.#state
    return compactor.slice(this.#kv.index, this.#kv.rows, keysMax, ordinals => {
      this.counts.compactedVersions += ordinals.length
      this.#watchLog.dropping(ordinals)
    })
  }

  hashKv(revision: Revision): HashJob {
    checkReadable(revision, this.#kv.revision, this.#kv.compactRevision)
    const at = revision <= 0 ? this.#kv.revision : revision
    return new HashWalk(
      () => this.#kv,
      () => this.header(),
      at,
    )
  }

  /** Answers before it returns, as do the source's and the sink's calls; while an entry is under way, behind it. */
  openSnapshot(done: (error: RaftsmanError | null, source?: SnapshotSource) => void): void {
    this.#assertSound()
    if (this.#openSnapshots + this.#waitingSnapshots.length >= this.#config.snapshotsMax) {
      done(new StoreError('too-many-snapshots'))
    } else if (this.#underWay !== null) this.#waitingSnapshots.push(done)
    else this.#openSnapshot(done)
  }

  #openWaitingSnapshots(): void {
    for (const done of this.#waitingSnapshots.splice(0)) this.#openSnapshot(done)
  }

  #openSnapshot(done: (error: null, source: SnapshotSource) => void): void {
    this.#openSnapshots++
    const state = this.#state
    const { rows, leases } = state.kv
    const head = {
      meta: this.#meta(),
      leases: leases.rows(),
      records: [...state.records.entries(), ...state.sessions.records()],
    }
    const writer = new SnapshotWriter(head, (from, rowsMax, bytesMax) =>
      rows.readFrom(from, rowsMax, bytesMax),
    )
    done(
      null,
      snapshotSource(this.appliedIndex, writer, {
        stands: () => this.#state === state,
        closed: () => {
          this.#openSnapshots--
        },
      }),
    )
  }

  beginRestore(
    index: LogIndex,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ): void {
    this.#restoring?.abort()
    try {
      this.#restoring = new RestoreSink(
        this.#backend,
        index,
        builder => checkVersion(builder, this.#config.versionMax),
        (meta, builder) => this.#replaceState(meta, builder),
        () => this.applied(),
      )
    } catch (error) {
      done(asRaftsmanError(error))
      return
    }
    done(null, this.#restoring)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#restoring?.abort()
    if (this.#broken === null) {
      this.flush()
      this.checkpoint()
    }
    this.#backend.close()
  }

  #replaceState(meta: StateMeta, builder: StateBuilder): void {
    this.#restoring = null
    this.#broken = null
    this.#underWay = null
    this.#appliedIndex = meta.appliedIndex
    this.#appliedTerm = meta.appliedTerm
    this.#flushedIndex = meta.appliedIndex
    this.#state = this.#makeState(builder, meta)
    this.#watchLog.replace(this.#kv)
    this.#openWaitingSnapshots()
  }

  #makeState(builder: StateBuilder, meta: StateMeta): AppliedState {
    return makeAppliedState({
      backend: this.#backend,
      meta,
      builder,
      counts: this.counts,
      cacheBytesMax: this.#config.cacheBytesMax,
      versionMax: this.#config.versionMax,
      sliceWorkMax: this.#config.sliceWorkMax,
      sessions: { ...sessionLimits, ...this.#config.sessions },
      leaseClock: { ...leaseClockDefaults, ...this.#config.leases },
      onEvent: (key, kv, previous) => this.#watchLog.append(key, kv, previous),
    })
  }

  /** Keys and their history, of the present state. */
  get #kv(): Kv {
    return this.#state.kv
  }

  #meta(): StateMeta {
    return {
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      revision: this.#kv.revision,
      lastOrdinal: this.#kv.rows.lastOrdinal,
      compactRevision: this.#kv.compactRevision,
      compactedRows: this.#state.compactor.done,
      stateHash: this.#kv.hash.digest(),
    }
  }

  #assertSound(): void {
    if (this.#broken === null) return
    throw new BackendError('backend-io', 'an entry could not be applied whole', this.#broken)
  }

  /** The last chance before the buffer would outgrow its limit. */
  #makeRoom(): void {
    if (!this.saturated) return
    try {
      this.flush()
    } catch (error) {
      if (error instanceof BackendError && error.retryable) throw new StoreError('back-pressure')
      throw error
    }
  }
}
