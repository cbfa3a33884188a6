// Clients that would rather be refused than wait for a leader say so with each call. Counterpart: etcd's
// interceptors for `hasleader`, which look at streams again and again while these last.

import type { Clock, Timer } from '../../platform/clock.js'
import type { RpcCall } from '../../platform/rpc.js'
import { noLeader } from './status.js'
import type { Status } from './status.js'

/** Looks in a row that find no leader before streams end, as in etcd. */
const looksMax = 3

export interface LeaderGuardOptions {
  readonly clock: Clock
  readonly electionMs: number
  readonly hasLeader: () => boolean
}

export class LeaderGuard {
  readonly #options: LeaderGuardOptions
  /** Streams that have to end without a leader, each with how. */
  readonly #streams = new Map<RpcCall, (status: Status) => void>()
  #ticker: Timer | null = null
  #looks = 0

  constructor(options: LeaderGuardOptions) {
    this.#options = options
  }

  /**
   * True when the call wants a leader and there is none: it has been answered. Else a stream, for
   * which `end` is given, is ended when there is none for long.
   */
  refused(call: RpcCall, end: ((status: Status) => void) | null): boolean {
    if (call.metadata('hasleader') !== 'true') return false
    if (!this.#options.hasLeader()) {
      if (end === null) call.end(noLeader.code, noLeader.message)
      else end(noLeader)
      return true
    }
    if (end !== null) this.#watch(call, end)
    return false
  }

  close(): void {
    this.#ticker?.cancel()
    this.#ticker = null
    this.#streams.clear()
  }

  #watch(call: RpcCall, end: (status: Status) => void): void {
    this.#streams.set(call, end)
    const { clock, electionMs } = this.#options
    this.#ticker ??= clock.setTicker(electionMs, () => this.#look())
  }

  #look(): void {
    for (const call of this.#streams.keys()) if (!call.open) this.#streams.delete(call)
    this.#looks = this.#options.hasLeader() ? 0 : this.#looks + 1
    if (this.#looks >= looksMax) {
      for (const end of this.#streams.values()) end(noLeader)
      this.#streams.clear()
    }
    if (this.#streams.size === 0) this.close()
  }
}
