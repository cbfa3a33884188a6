// The leader's side of leases: deadlines in memory, revokes and checkpoints to propose. Counterpart:
// the primary lessor of etcd. A heap with lazy entries: a keep-alive only moves a deadline in a map,
// and the heap entry finds out when it comes up.
//
//   elected: deadline = now + last checkpoint (or TTL) --keep-alive--> now + TTL
//   deadline passed --tick--> revoke proposed, repeated until applied; keep-alives are refused
//
// etcd's fate this avoids: every election gave every lease its whole TTL again.

import type { Command } from '../command.js'
import type { LeaseCheckpoint } from './lease-command.js'
import { StoreError } from '../errors.js'
import type { Lease, LeaseTable } from './lease.js'
import { leaseCheckpointsPerCommandMax } from '../limits.js'
import type { LeaseRenewal } from '../replica.js'
import type { LeaseId } from '../types.js'

export interface LeaseClockConfig {
  readonly revokesPerTickMax: number
  /** A proposed revoke that was not applied after this long is proposed again. */
  readonly revokeRepeatMs: number
  /** Remaining time is replicated this often, for leases that live longer than it. */
  readonly checkpointIntervalMs: number
  /** Leases looked at for a checkpoint in one tick. */
  readonly checkpointsPerTickMax: number
}

export const leaseClockDefaults: LeaseClockConfig = {
  revokesPerTickMax: 1_000,
  revokeRepeatMs: 3_000,
  checkpointIntervalMs: 60_000,
  checkpointsPerTickMax: 10_000,
}

interface Deadline {
  atMs: number
  /** Of the one heap entry that is its own; others of the same id belong to leases of the past. */
  queuedMs: number
  revoking: boolean
}

/** Entries without a deadline beyond this many, and beyond as many as there are others, are dropped. */
const staleEntriesMax = 64

interface HeapEntry {
  readonly atMs: number
  readonly id: LeaseId
}

export class LeaseClock {
  readonly #table: LeaseTable
  readonly #config: LeaseClockConfig
  readonly #deadlines = new Map<LeaseId, Deadline>()
  readonly #heap = new DeadlineHeap()
  /** Granted since the last tick: apply knows no time. */
  #fresh: LeaseId[] = []
  /** Checkpoints of less time that were proposed in this term and may yet be applied, by lease. */
  readonly #underWay = new Map<LeaseId, number>()
  /** 0: not leading. */
  #term = 0
  #nextSweepMs = 0
  #sweep: IterableIterator<Lease> | null = null

  constructor(table: LeaseTable, config: LeaseClockConfig) {
    this.#table = table
    this.#config = config
  }

  granted(id: LeaseId): void {
    if (this.#term !== 0) this.#fresh.push(id)
  }

  /** Whoever gets its id next has a time of its own. */
  revoked(id: LeaseId): void {
    this.#deadlines.delete(id)
    if (this.#heap.size <= 2 * this.#deadlines.size + staleEntriesMax) return
    this.#heap.retain(entry => this.#deadlines.get(entry.id)?.queuedMs === entry.atMs)
  }

  /** What is held in memory. */
  get size(): number {
    return this.#deadlines.size + this.#heap.size
  }

  tick(nowMs: number, asLeader: boolean, term: number): Command[] {
    if (!asLeader) {
      if (this.#term !== 0) this.#resign()
      return []
    }
    if (term !== this.#term) this.#promote(nowMs, term)
    for (const id of this.#fresh) {
      const lease = this.#table.get(id)
      if (lease !== undefined && !this.#deadlines.has(id)) this.#start(lease, nowMs)
    }
    this.#fresh = []
    const commands: Command[] = []
    this.#revokeExpired(nowMs, commands)
    this.#checkpoint(nowMs, commands)
    return commands
  }

  keepAlive(id: LeaseId, nowMs: number): LeaseRenewal {
    if (this.#term === 0) throw new StoreError('not-leader')
    const lease = this.#table.get(id)
    if (lease === undefined) return { id, ttlSeconds: 0, before: null }
    const deadline = this.#deadlines.get(id) ?? this.#start(lease, nowMs)
    if (deadline.revoking) return { id, ttlSeconds: 0, before: null }
    deadline.atMs = nowMs + lease.ttlSeconds * 1000
    return { id, ttlSeconds: lease.ttlSeconds, before: this.#withdraw(lease) }
  }

  /** Whole seconds; what a member that does not lead knows is the last checkpoint. */
  remainingSeconds(lease: Lease, nowMs: number): number {
    const deadline = this.#deadlines.get(lease.id)
    if (deadline === undefined) return lease.remainingSeconds || lease.ttlSeconds
    return Math.max(0, Math.floor((deadline.atMs - nowMs) / 1000))
  }

  /** A command of `tick` was applied, or certainly will not be. */
  ended(command: Command): void {
    if (command.kind !== 'leaseCheckpoint' || command.leaderTerm !== this.#term) return
    for (const { id } of command.checkpoints) {
      const left = (this.#underWay.get(id) ?? 0) - 1
      if (left > 0) this.#underWay.set(id, left)
      else this.#underWay.delete(id)
    }
  }

  /** What is known of it, or will be, is less time than it has now. */
  #withdraw(lease: Lease): Command | null {
    if (lease.remainingSeconds === 0 && !this.#underWay.has(lease.id)) return null
    const checkpoints = [{ id: lease.id, remainingSeconds: 0 }]
    return { kind: 'leaseCheckpoint', leaderTerm: this.#term, checkpoints }
  }

  #resign(): void {
    this.#term = 0
    this.#deadlines.clear()
    this.#heap.clear()
    this.#fresh = []
    this.#underWay.clear()
    this.#sweep = null
  }

  #promote(nowMs: number, term: number): void {
    this.#resign()
    this.#term = term
    for (const lease of this.#table.all()) this.#start(lease, nowMs)
    this.#nextSweepMs = nowMs + this.#config.checkpointIntervalMs
  }

  #start(lease: Lease, nowMs: number): Deadline {
    const seconds = lease.remainingSeconds || lease.ttlSeconds
    const deadline = { atMs: nowMs + seconds * 1000, queuedMs: 0, revoking: false }
    this.#deadlines.set(lease.id, deadline)
    this.#queue(lease.id, deadline, deadline.atMs)
    return deadline
  }

  #queue(id: LeaseId, deadline: Deadline, atMs: number): void {
    deadline.queuedMs = atMs
    this.#heap.push({ atMs, id })
  }

  #revokeExpired(nowMs: number, commands: Command[]): void {
    let revokes = 0
    while (revokes < this.#config.revokesPerTickMax) {
      const first = this.#heap.peek()
      if (first === undefined || first.atMs > nowMs) return
      this.#heap.pop()
      const deadline = this.#deadlines.get(first.id)
      if (deadline === undefined || deadline.queuedMs !== first.atMs) continue
      if (deadline.atMs > nowMs) {
        this.#queue(first.id, deadline, deadline.atMs)
        continue
      }
      deadline.revoking = true
      this.#queue(first.id, deadline, nowMs + this.#config.revokeRepeatMs)
      commands.push({ kind: 'leaseRevoke', id: first.id, leaderTerm: this.#term })
      revokes++
    }
  }

  /** One round over the table every interval, in slices of one tick each. */
  #checkpoint(nowMs: number, commands: Command[]): void {
    if (this.#sweep === null) {
      if (nowMs < this.#nextSweepMs) return
      this.#nextSweepMs = nowMs + this.#config.checkpointIntervalMs
      this.#sweep = this.#table.all()
    }
    let batch: LeaseCheckpoint[] = []
    for (let looked = 0; looked < this.#config.checkpointsPerTickMax; looked++) {
      const next = this.#sweep.next()
      if (next.done === true) {
        this.#sweep = null
        break
      }
      const remainingSeconds = this.#worthTelling(next.value, nowMs)
      if (remainingSeconds > 0) {
        const { id } = next.value
        batch.push({ id, remainingSeconds })
        this.#underWay.set(id, (this.#underWay.get(id) ?? 0) + 1)
      }
      if (batch.length === leaseCheckpointsPerCommandMax) {
        commands.push({ kind: 'leaseCheckpoint', leaderTerm: this.#term, checkpoints: batch })
        batch = []
      }
    }
    if (batch.length > 0) {
      commands.push({ kind: 'leaseCheckpoint', leaderTerm: this.#term, checkpoints: batch })
    }
  }

  /** Seconds left, or 0 when what the members know is about right. */
  #worthTelling(lease: Lease, nowMs: number): number {
    const deadline = this.#deadlines.get(lease.id)
    if (deadline === undefined || deadline.revoking) return 0
    const left = Math.ceil((deadline.atMs - nowMs) / 1000)
    const known = lease.remainingSeconds || lease.ttlSeconds
    return left > 0 && (known - left) * 1000 >= this.#config.checkpointIntervalMs / 2 ? left : 0
  }
}

/** A binary heap of what is due first. */
class DeadlineHeap {
  #entries: HeapEntry[] = []

  clear(): void {
    this.#entries = []
  }

  peek(): HeapEntry | undefined {
    return this.#entries[0]
  }

  get size(): number {
    return this.#entries.length
  }

  retain(wanted: (entry: HeapEntry) => boolean): void {
    const kept = this.#entries.filter(wanted)
    this.#entries = []
    for (const entry of kept) this.push(entry)
  }

  push(entry: HeapEntry): void {
    const entries = this.#entries
    let at = entries.length
    entries.push(entry)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if ((entries[parent] as HeapEntry).atMs <= entry.atMs) break
      entries[at] = entries[parent] as HeapEntry
      at = parent
    }
    entries[at] = entry
  }

  pop(): void {
    const entries = this.#entries
    const last = entries.pop()
    if (last === undefined || entries.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= entries.length) break
      const right = entries[child + 1]
      if (right !== undefined && right.atMs < (entries[child] as HeapEntry).atMs) child++
      if ((entries[child] as HeapEntry).atMs >= last.atMs) break
      entries[at] = entries[child] as HeapEntry
      at = child
    }
    entries[at] = last
  }
}
