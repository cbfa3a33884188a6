// The lease under which Events are stored, so that they vanish after an hour. One lease serves
// many events: a lease each would cost the store more than the events. Counterpart:
// storage/etcd3/lease_manager.go.

import type { Clock } from '../../platform/clock.js'
import type { Store } from '../../store/client/types.js'

const eventTtlSeconds = 3_600
/** A lease is handed out this long, and lives this much longer than an event must. */
const reuseSeconds = 60
const objectsPerLeaseMax = 1_000

export class EventLease {
  readonly #store: Store
  readonly #clock: Clock
  #current: Promise<number> | null = null
  #grantedMs = 0
  #objects = 0

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Rejects as the store does. */
  async id(): Promise<number> {
    const ageMs = this.#clock.monotonicMs() - this.#grantedMs
    const usable = ageMs < reuseSeconds * 1_000 && this.#objects < objectsPerLeaseMax
    if (this.#current === null || !usable) {
      this.#grantedMs = this.#clock.monotonicMs()
      this.#objects = 0
      const ttlSeconds = eventTtlSeconds + reuseSeconds
      const grant = this.#store.leaseGrant({ ttlSeconds }).then(answer => answer.id)
      this.#current = grant
      grant.catch(() => this.forget(grant))
    }
    this.#objects++
    return this.#current
  }

  /** After the store said that the lease is gone. */
  forget(grant: Promise<number> | null = this.#current): void {
    if (this.#current === grant) this.#current = null
  }
}
