// A client of the store: the shipping StoreClient in a process of its own, somewhere in the network. All it
// asks goes through here, so that all it is answered is judged.

import { silentLogger } from '../../../platform/logger.js'
import type { Random } from '../../../platform/random.js'
import { StoreClient } from '../../../store/client/store-client.js'
import type { DeleteRangeRequest, PutRequest, RangeRequest } from '../../../store/core/types.js'
import type { DeleteRangeResponse, PutResponse, RangeResponse } from '../../../store/core/types.js'
import type { LeaseId, TxnRequest, TxnResponse } from '../../../store/core/types.js'
import type { WatchRequest } from '../../../store/core/types.js'
import type { ClockSkew } from '../machine-clock.js'
import { MachineClock } from '../machine-clock.js'
import { clusterId } from '../machine.js'
import { SimProcess } from '../scheduler.js'
import { between } from '../streams.js'
import type { StoreWorld } from './store-world.js'
import { WatchCheck } from './watch-check.js'
import type { Operation } from './witness.js'
import { leaseIdOf, markOf, nameEndOf, nameKeyOf } from './witness.js'

export interface AskerOptions {
  readonly world: StoreWorld
  /** Its place in the network. */
  readonly host: number
  readonly endpoints: readonly string[]
  readonly preferFirst: boolean
  readonly skew: ClockSkew
}

/** Something that was asked: what it wrote is known by its mark. */
export interface Asked<T> {
  readonly mark: string
  /** Null: it failed. */
  readonly done: Promise<T | null>
  /** Once it has failed: whether it may have happened. */
  readonly failed: () => 'not-applied' | 'unknown'
}

export interface OpenedWatch {
  readonly check: WatchCheck
  /** Resolves when it is over: cancelled, or ended by a compaction. */
  readonly over: Promise<'cancelled' | 'compacted'>
  cancel(): void
  requestProgress(): void
}

const utf8 = (text: string): Buffer => Buffer.from(text)

export class Asker {
  readonly host: number
  readonly process: SimProcess
  readonly random: Random
  readonly store: StoreClient
  readonly world: StoreWorld

  constructor({ world, host, endpoints, preferFirst, skew }: AskerOptions) {
    const { scheduler, network, randomOf, store } = world
    this.world = world
    this.host = host
    this.random = randomOf(`client/${host}`)
    this.process = new SimProcess(host, world.nextPid())
    this.store = new StoreClient({
      endpoints,
      tls: null,
      clock: new MachineClock(scheduler, this.process, skew),
      random: randomOf(`store-client/${host}`),
      network: network.of(this.process),
      logger: silentLogger,
      requestTimeoutMs: store.clientTimeoutMs,
      preferFirst,
      clusterId,
      watchCreditBytes: store.watchCreditBytes,
    })
  }

  /** False when enough has been asked. */
  get mayAsk(): boolean {
    const { asking, operationsMax, witness } = this.world
    return asking() && witness.asked < operationsMax
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.world.scheduler.after(ms, 'client', this.process, resolve)
    })
  }

  think(): Promise<void> {
    return this.sleep(between(this.random, 0, this.world.thinkMsMax()))
  }

  // ---- reads and writes ----

  private asked<T>(
    operation: Operation,
    answer: Promise<T>,
    judge: (response: T) => void,
    failed: (error: unknown) => void = error => this.world.witness.failed(operation, error),
  ): Asked<T> {
    const work = async (): Promise<T | null> => {
      let response: T
      try {
        response = await answer
      } catch (error) {
        failed(error)
        return null
      }
      judge(response)
      return response
    }
    return {
      mark: markOf(operation.id),
      done: work(),
      failed: () => (operation.outcome === 'not-applied' ? 'not-applied' : 'unknown'),
    }
  }

  /** `value` stands behind the mark that tells who wrote it. */
  put(key: string, value: string, more: Partial<PutRequest> = {}): Asked<PutResponse> {
    const { witness } = this.world
    const operation = witness.begin('put')
    const marked = utf8(markOf(operation.id) + value)
    return this.asked(
      operation,
      this.store.put({ key: utf8(key), value: marked, ...more }),
      response => witness.written(operation, response),
    )
  }

  /** One key, in a way that tells who deleted it. */
  delete(key: string, prevKv = false): Asked<DeleteRangeResponse> {
    const { witness } = this.world
    const operation = witness.begin('delete')
    return this.asked(
      operation,
      this.store.deleteRange({ key: utf8(key), end: nameEndOf(key, operation.id), prevKv }),
      response => witness.written(operation, response),
    )
  }

  /** A range of keys. Nobody can tell later who it was. */
  deleteRange(request: DeleteRangeRequest): Asked<DeleteRangeResponse> {
    const { witness } = this.world
    const operation = witness.begin('delete range')
    return this.asked(operation, this.store.deleteRange(request), ({ header }) =>
      witness.seen(operation, header, true),
    )
  }

  /** `make` is given the mark for the values that it writes. */
  txn(make: (mark: string) => TxnRequest): Asked<TxnResponse> {
    const { witness } = this.world
    const operation = witness.begin('txn')
    const request = make(markOf(operation.id))
    // Nobody ever writes that key: the comparison holds, and says in the log who asked.
    const key = nameKeyOf(operation.id)
    const name = { target: 'version', result: 'equal', version: 0, key } as const
    const named = { ...request, compare: [name, ...request.compare] }
    return this.asked(operation, this.store.txn(named), response => {
      if (writesNothing(request)) witness.readTxn(operation, named, response)
      else witness.written(operation, response)
    })
  }

  range(request: RangeRequest): Asked<RangeResponse> {
    const { witness } = this.world
    const operation = witness.begin(request.serializable === true ? 'local read' : 'read')
    return this.asked(
      operation,
      this.store.range(request),
      response => witness.ranged(operation, request, response),
      error => witness.readFailed(operation, request, error),
    )
  }

  async compact(revision: number, physical: boolean): Promise<void> {
    const { witness } = this.world
    const operation = witness.begin('compaction')
    try {
      const { header } = await this.store.compact({ revision, physical })
      witness.compacted(operation, revision, header)
    } catch (error) {
      witness.failed(operation, error)
    }
  }

  // ---- leases ----

  /** Its id, or null. */
  async grant(ttlSeconds: number): Promise<{ readonly id: LeaseId; readonly ttl: number } | null> {
    const operation = this.world.witness.begin('lease grant')
    const id = leaseIdOf(operation.id)
    const { witness } = this.world
    try {
      const response = await this.store.leaseGrant({ ttlSeconds, id })
      witness.written(operation, response)
      return { id, ttl: response.ttlSeconds }
    } catch (error) {
      witness.failed(operation, error)
      return null
    }
  }

  /** Null: it failed; 0: no such lease. */
  async keepAlive(id: LeaseId): Promise<number | null> {
    const { witness, leases, scheduler } = this.world
    const operation = witness.begin('keep-alive')
    const askedMs = scheduler.nowMs
    try {
      const { header, ttlSeconds } = await this.store.leaseKeepAlive(id)
      witness.seen(operation, header, true)
      if (ttlSeconds > 0) leases.promise(id, askedMs, ttlSeconds, 'renewed')
      return ttlSeconds
    } catch (error) {
      witness.failed(operation, error)
      return null
    }
  }

  /** Seconds left; -1: no such lease. Null: it failed. */
  async timeToLive(id: LeaseId): Promise<number | null> {
    const { witness, leases, scheduler } = this.world
    const operation = witness.begin('time to live')
    const askedMs = scheduler.nowMs
    try {
      const { header, ttlSeconds } = await this.store.leaseTimeToLive(id, true)
      witness.seen(operation, header, true)
      if (ttlSeconds > 0) leases.promise(id, askedMs, ttlSeconds, 'said to live')
      return ttlSeconds
    } catch (error) {
      witness.failed(operation, error)
      return null
    }
  }

  async revoke(id: LeaseId): Promise<void> {
    const { witness } = this.world
    const operation = witness.begin('lease revoke')
    try {
      witness.seen(operation, (await this.store.leaseRevoke(id)).header, true)
    } catch (error) {
      witness.failed(operation, error)
    }
  }

  // ---- watches ----

  watch(request: WatchRequest, name: string): OpenedWatch {
    const { world } = this
    const { record, mark } = world
    const check = new WatchCheck({ name, request, reference: record.reference, mark })
    // Judged inside of the client's code, which must not see what is thrown at the simulation.
    const judged = (work: () => void) => {
      try {
        work()
      } catch (error) {
        world.broke(error)
      }
    }
    let end: (how: 'cancelled' | 'compacted') => void = () => {}
    const over = new Promise<'cancelled' | 'compacted'>(resolve => {
      end = resolve
    })
    const watch = this.store.watch(request, {
      onCreated: revision => judged(() => check.created(revision)),
      onBatch: batch => judged(() => check.batch(batch)),
      onEnd: (error, compactRevision) => {
        world.watches.delete(open)
        judged(() => {
          if (compactRevision === undefined) throw error
          check.compacted(compactRevision)
          end('compacted')
        })
      },
    })
    const open = { check, requestProgress: () => watch.requestProgress() }
    world.watches.add(open)
    return {
      check,
      over,
      cancel: () => {
        world.watches.delete(open)
        watch.cancel()
        end('cancelled')
      },
      requestProgress: () => watch.requestProgress(),
    }
  }
}

function writesNothing(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].every(
    op => op.kind === 'range' || (op.kind === 'txn' && writesNothing(op.request)),
  )
}
