// How a member is, as a list of named checks, for probes and for balancers. Counterpart: etcd's health
// handlers, whose names stand where the check is the same. Every check answers null or the reason why it
// failed; all but the last are answered from memory.
//
//   /livez    the process turns and can read its state: what a restart would mend
//   /readyz   it can serve reads and writes now: what clients should go elsewhere for
//   /health   etcd's older form of the same, where a full quota counts as well

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Replica as Raft } from '../../raft/index.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Maintenance } from './maintenance.js'
import type { ReadBatcher } from './read-batcher.js'

/** Committed entries that a member has still to apply, above which it takes no more work. */
export const applyLagMax = 5_000
/** A probe that waits longer is as good as failed. */
const linearizableMsMax = 2_000

export interface HealthParts {
  readonly id: number
  readonly raft: Raft
  readonly machine: Machine
  readonly maintenance: Maintenance
  readonly reads: ReadBatcher
  readonly clock: Clock
  readonly stopping: () => boolean
}

export type CheckDone = (reason: string | null) => void

export interface HealthCheck {
  readonly name: string
  readonly run: (done: CheckDone) => void
}

type Local = () => string | null

export class Health {
  readonly #parts: HealthParts
  /** In the order in which they are asked; the first that fails names the reason, so causes come first. */
  readonly #local: readonly (readonly [string, Local])[]

  constructor(parts: HealthParts) {
    this.#parts = parts
    const { raft, machine, maintenance } = parts
    const when = (failed: boolean, reason: string) => (failed ? reason : null)
    const lag = () => raft.status().commitIndex - raft.status().appliedIndex
    this.#local = [
      ['shutdown', () => when(parts.stopping(), 'the member is stopping')],
      ['data_corruption', () => this.corruption],
      ['log_disk', () => when(raft.status().diskFull, 'the disk of the log has no room')],
      ['state_disk', () => when(maintenance.full, 'the disk of the state has no room')],
      ['state_writes', () => when(machine.saturated, 'the state cannot be written')],
      ['leader', () => when(raft.status().leader === 0, 'the cluster has no leader')],
      ['apply_lag', () => when(lag() > applyLagMax, 'the member lags behind')],
    ]
  }

  /** True when this member can serve reads and writes, as far as it knows without asking. */
  get good(): boolean {
    return this.failure() === null
  }

  /** Of the local checks, `except` for some. */
  failure(except: readonly string[] = []): { name: string; reason: string } | null {
    for (const [name, check] of this.#local) {
      const reason = except.includes(name) ? null : check()
      if (reason !== null) return { name, reason }
    }
    return null
  }

  /** A majority has found another state than this member has. */
  get wrong(): boolean {
    return this.#parts.machine.alarms.contained.has(this.#parts.id)
  }

  get corruption(): string | null {
    if (this.wrong) return 'the state of this member is wrong and is being brought back'
    return this.#parts.machine.alarms.stopsCluster ? 'the alarm CORRUPT is on' : null
  }

  get live(): readonly HealthCheck[] {
    return [this.serializableRead]
  }

  get ready(): readonly HealthCheck[] {
    const local = this.#local.map(([name, check]) => ({
      name,
      run: (done: CheckDone) => done(check()),
    }))
    return [...local, ...this.live, this.linearizableRead]
  }

  get serializableRead(): HealthCheck {
    return { name: 'serializable_read', run: done => done(this.#readsState()) }
  }

  get linearizableRead(): HealthCheck {
    return { name: 'linearizable_read', run: done => this.#asksQuorum(done) }
  }

  #readsState(): string | null {
    try {
      this.#parts.machine.range({ key: Uint8Array.of(0), end: Uint8Array.of(0), limit: 1 })
      return null
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      return error.message
    }
  }

  #asksQuorum(done: CheckDone): void {
    const { reads, clock, raft } = this.#parts
    if (raft.status().leader === 0) {
      done('the cluster has no leader')
      return
    }
    let answered = false
    const answer: CheckDone = reason => {
      if (answered) return
      answered = true
      patience.cancel()
      done(reason)
    }
    const patience = clock.setTimer(linearizableMsMax, () =>
      answer('the quorum does not answer in time'),
    )
    try {
      reads.submit(error => answer(error?.message ?? null))
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      answer(error.message)
    }
  }
}
