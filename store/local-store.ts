// A whole store inside one process: the state machine over memory, a single member, no Raft. For
// tests of what stands on a store and for clusters that live in one process. Commands go through
// the same encoding and the same apply as in a replicated store; what it leaves out is durability.

import type { Clock, Timer } from '../platform/clock.js'
import { RaftsmanError } from '../platform/errors.js'
import { MemoryBackend } from './backend/memory.js'
import type { Store, Watch, WatchHandlers } from './client/types.js'
import type { Command, CommandResult } from './core/command.js'
import { CompactedError } from './core/errors.js'
import { applyWhole, localEntry } from './core/local-entry.js'
import { atOnce } from './core/sliced.js'
import type { Watcher } from './core/replica.js'
import { StoreCore } from './core/store-core.js'
import type { StoreCoreConfig } from './core/store-core-config.js'
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseId,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  Member,
  MemberStatus,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
} from './core/types.js'
import { checkCommand } from './core/validate.js'

export interface LocalStoreOptions {
  /** Without one, time stands still: leases do not expire by themselves. */
  readonly clock?: Clock
  readonly config?: Partial<StoreCoreConfig>
}

const leaseTickMs = 500
const watchBytesMax = 1024 * 1024
const compactKeysPerSlice = 10_000
const localTerm = 1

export class LocalStore implements Store {
  readonly #core: StoreCore
  readonly #clock: Clock | null
  readonly #leaseTicker: Timer | null
  readonly #watches = new Set<LocalWatch>()
  #nextLease = 1_000_001
  #closed = false

  constructor(options: LocalStoreOptions = {}) {
    const config = { clusterId: 1, memberId: 1, ...options.config }
    this.#core = new StoreCore(new MemoryBackend(), config)
    this.#clock = options.clock ?? null
    this.#core.leaseTick(this.#nowMs(), true, localTerm)
    this.#leaseTicker = this.#clock?.setTicker(leaseTickMs, () => this.#tickLeases()) ?? null
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    this.#assertOpen()
    return this.#core.range(request)
  }

  async put(request: PutRequest): Promise<PutResponse> {
    return this.#propose({ kind: 'put', request }, 'put').response
  }

  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    return this.#propose({ kind: 'deleteRange', request }, 'deleteRange').response
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    this.#assertOpen()
    if (this.#core.isReadOnly(request)) return atOnce(this.#core.readTxn(request))
    return this.#propose({ kind: 'txn', request }, 'txn').response
  }

  async compact(request: CompactionRequest): Promise<CompactionResponse> {
    const { response } = this.#propose({ kind: 'compact', request }, 'compact')
    while (!this.#core.compactSlice(compactKeysPerSlice)) this.#core.flush()
    return response
  }

  async leaseGrant(request: LeaseGrantRequest): Promise<LeaseGrantResponse> {
    const command = this.#core.leaseGrantCommand(request, this.#nextLease++)
    return this.#propose(command, 'leaseGrant').response
  }

  async leaseRevoke(id: LeaseId): Promise<LeaseRevokeResponse> {
    return this.#propose({ kind: 'leaseRevoke', id, leaderTerm: 0 }, 'leaseRevoke').response
  }

  async leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveResponse> {
    this.#assertOpen()
    const { ttlSeconds, before } = this.#core.leaseKeepAlive(id, this.#nowMs())
    if (before !== null) this.#apply(before)
    return { header: this.#core.header(), id, ttlSeconds }
  }

  async leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveResponse> {
    this.#assertOpen()
    return this.#core.leaseTimeToLive(id, withKeys, this.#nowMs())
  }

  async leaseLeases(): Promise<LeaseLeasesResponse> {
    this.#assertOpen()
    return this.#core.leaseLeases()
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    this.#assertOpen()
    const watch = new LocalWatch(this.#core, request, handlers, () => this.#watches.delete(watch))
    this.#watches.add(watch)
    return watch
  }

  async status(): Promise<MemberStatus> {
    this.#assertOpen()
    const { appliedIndex, dbSizeBytes, compactRevision, dbFileBytes, usedBytes } = this.#core
    const header = this.#core.header(localTerm)
    return {
      header,
      version: 'local',
      name: 'local',
      role: 'leader',
      leader: header.memberId,
      raftTerm: localTerm,
      commitIndex: appliedIndex,
      appliedIndex,
      dbSizeBytes,
      learner: false,
      healthy: true,
      compactRevision,
      dbFileBytes,
      usedBytes,
      quotaBytes: 0,
      clusterVersion: '',
      errors: [],
    }
  }

  async memberList(): Promise<readonly Member[]> {
    const { memberId } = this.#core.header()
    return [{ id: memberId, name: 'local', peerAddresses: [], clientAddresses: [], learner: false }]
  }

  async moveLeader(target: number): Promise<void> {
    if (target === this.#core.header().memberId) return
    throw new RaftsmanError('a local store has a single member', {
      code: 'member-not-found',
      retryable: false,
      outcome: 'not-applied',
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#leaseTicker?.cancel()
    for (const watch of this.#watches) watch.end(closedError())
    this.#core.close()
  }

  #nowMs(): number {
    return this.#clock?.monotonicMs() ?? 0
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError()
  }

  #propose<K extends Command['kind']>(
    command: Command,
    kind: K,
  ): Extract<CommandResult, { kind: K }> {
    this.#assertOpen()
    checkCommand(command)
    const result = this.#apply(command)
    if (!result.ok) throw result.error
    if (result.kind !== kind) throw new TypeError(`a ${kind} was answered as a ${result.kind}`)
    return result as Extract<CommandResult, { kind: K }>
  }

  #apply(command: Command): CommandResult {
    const entry = localEntry(this.#core.appliedIndex + 1, localTerm, [command])
    const [result] = applyWhole(this.#core, entry)
    this.#core.applied()
    if (this.#core.needsFlush) this.#core.flush()
    if (result === undefined) throw new TypeError('a command was not answered')
    return result
  }

  #tickLeases(): void {
    for (const command of this.#core.leaseTick(this.#nowMs(), true, localTerm)) {
      this.#apply(command)
      this.#core.leaseCommandEnded(command)
    }
  }
}

function closedError(): RaftsmanError {
  return new RaftsmanError('the store has been closed', {
    code: 'store-closed',
    retryable: false,
    outcome: 'not-applied',
  })
}

/** Delivers in a microtask: never inside the call that opened it or that wrote. */
class LocalWatch implements Watch {
  readonly #core: StoreCore
  readonly #watcher: Watcher
  readonly #handlers: WatchHandlers
  readonly #onOver: () => void
  readonly #wantsProgress: boolean
  #scheduled = false
  /** Progress is owed, and has to reach this revision. */
  #progressFrom: number | null = null
  #created = false
  #over = false

  constructor(core: StoreCore, request: WatchRequest, handlers: WatchHandlers, onOver: () => void) {
    this.#core = core
    this.#handlers = handlers
    this.#onOver = onOver
    this.#wantsProgress = request.progressNotify === true
    this.#watcher = core.openWatch(request, () => this.#schedule())
    this.#schedule()
  }

  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#watcher.close()
    this.#onOver()
  }

  requestProgress(): void {
    this.#progressFrom ??= this.#core.revision
    this.#schedule()
  }

  end(error: Error): void {
    if (this.#over) return
    this.cancel()
    if (error instanceof CompactedError) this.#handlers.onEnd(error, error.compactRevision)
    else this.#handlers.onEnd(error)
  }

  #schedule(): void {
    if (this.#scheduled || this.#over) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    if (this.#over) return
    if (!this.#created) {
      this.#created = true
      this.#handlers.onCreated?.(this.#core.revision)
    }
    while (!this.#over) {
      const batch = this.#next()
      if (batch === null) break
      if (batch.events.length > 0 || this.#wantsProgress) this.#handlers.onBatch(batch)
    }
    if (this.#progressFrom === null || this.#over) return
    const revision = this.#watcher.progress(this.#progressFrom)
    if (revision === null) return
    this.#progressFrom = null
    this.#handlers.onBatch({ revision, events: [] })
  }

  #next(): ReturnType<Watcher['next']> {
    try {
      return this.#watcher.next(watchBytesMax)
    } catch (error) {
      this.end(error instanceof Error ? error : new TypeError(String(error)))
      return null
    }
  }
}
