// The replicated lease table: who holds what, and how much time was left when a leader last said
// so. Counterpart: etcd's lessor, without its clock: nothing expires here (lease-clock.ts proposes
// revokes, and only an applied revoke ends a lease).

import { assert, must } from '../../../platform/errors.js'
import type { LeaseRow } from '../backend.js'
import { StoreError } from '../errors.js'
import { RunningHash } from '../hash.js'
import { leasesMax, leaseTtlSecondsMax } from '../limits.js'
import type { LeaseId } from '../types.js'

export interface Lease {
  readonly id: LeaseId
  readonly ttlSeconds: number
  /** 0: the whole TTL. */
  remainingSeconds: number
  readonly keys: Set<string>
}

export class LeaseTable {
  readonly #leases = new Map<LeaseId, Lease>()
  /** Of the checksums of all. */
  #sum = 0
  /** Changed since the last flush; an id without a lease was deleted. */
  #changed = new Set<LeaseId>()

  constructor(rows: readonly LeaseRow[]) {
    for (const row of rows) this.load(row)
  }

  /** From stored state; nothing to write back. */
  load(row: LeaseRow): void {
    const { id, ttlSeconds, remainingSeconds } = row
    this.#leases.set(id, { id, ttlSeconds, remainingSeconds, keys: new Set() })
    this.#sum = (this.#sum + leaseChecksum(row)) | 0
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id)
  }

  all(): IterableIterator<Lease> {
    return this.#leases.values()
  }

  /** 32 bits over what is granted, and the time left as far as it was told. */
  get checksum(): number {
    return this.#sum >>> 0
  }

  get size(): number {
    return this.#leases.size
  }

  /** Throws `lease-exists` or `too-many-leases`. */
  grant(id: LeaseId, ttlSeconds: number): Lease {
    assert(id > 0, 'a granted lease has an id')
    if (this.#leases.has(id)) throw new StoreError('lease-exists')
    if (this.#leases.size >= leasesMax) throw new StoreError('too-many-leases')
    const ttl = Math.min(Math.max(1, ttlSeconds), leaseTtlSecondsMax)
    const lease: Lease = { id, ttlSeconds: ttl, remainingSeconds: 0, keys: new Set() }
    this.#leases.set(id, lease)
    this.#sum = (this.#sum + leaseChecksum(lease)) | 0
    this.#changed.add(id)
    return lease
  }

  /** Its keys have been deleted, and so detached, before. */
  remove(id: LeaseId): void {
    const lease = must(this.#leases.get(id), 'a lease that is removed is there')
    assert(lease.keys.size === 0, 'a lease goes after its keys')
    this.#leases.delete(id)
    this.#sum = (this.#sum - leaseChecksum(lease)) | 0
    this.#changed.add(id)
  }

  /** A lease revoked meanwhile is passed over. */
  checkpoint(id: LeaseId, remainingSeconds: number): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    this.#sum = (this.#sum - leaseChecksum(lease)) | 0
    lease.remainingSeconds = Math.min(remainingSeconds, lease.ttlSeconds)
    this.#sum = (this.#sum + leaseChecksum(lease)) | 0
    this.#changed.add(id)
  }

  attach(id: LeaseId, key: string): void {
    must(this.#leases.get(id), 'a key is attached to a lease that is there').keys.add(key)
  }

  detach(id: LeaseId, key: string): void {
    const lease = must(this.#leases.get(id), 'a key is detached from a lease that is there')
    assert(lease.keys.delete(key), 'a key that is detached was attached')
  }

  /** What a flush has to write. `flushed` follows when it has been. */
  changes(): { readonly leases: readonly LeaseRow[]; readonly deleted: readonly LeaseId[] } {
    const leases: LeaseRow[] = []
    const deleted: LeaseId[] = []
    for (const id of this.#changed) {
      const lease = this.#leases.get(id)
      if (lease === undefined) deleted.push(id)
      else leases.push(leaseRow(lease))
    }
    return { leases, deleted }
  }

  get changedCount(): number {
    return this.#changed.size
  }

  flushed(): void {
    this.#changed = new Set()
  }

  rows(): LeaseRow[] {
    return Array.from(this.#leases.values(), leaseRow)
  }
}

function leaseChecksum({ id, ttlSeconds, remainingSeconds }: LeaseRow): number {
  return new RunningHash().number(id).number(ttlSeconds).number(remainingSeconds).word()
}

function leaseRow(lease: Lease): LeaseRow {
  const { id, ttlSeconds, remainingSeconds } = lease
  return { id, ttlSeconds, remainingSeconds }
}
