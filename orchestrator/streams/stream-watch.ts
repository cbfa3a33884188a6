// Ends connections that nobody uses any more: after a time without a byte from the client, and after
// the longest that one may take at all. Pings in between make a dead peer show: a connection that is
// not being read, because a command does not take its input, tells of it in no other way.

import type { Clock, Timer } from '../../platform/clock.js'

export interface StreamLimits {
  readonly pingMs: number
  /** Without anything but pings from the client or for it. */
  readonly idleMs: number
  readonly totalMs: number
}

export const defaultStreamLimits: StreamLimits = {
  pingMs: 30_000,
  idleMs: 4 * 60 * 60_000,
  totalMs: 24 * 60 * 60_000,
}

export class StreamWatch {
  readonly #clock: Clock
  readonly #limits: StreamLimits
  readonly #timers: readonly Timer[]
  #touchedMs: number

  /** `end` is called at most once. */
  constructor(clock: Clock, limits: StreamLimits, ping: () => void, end: () => void) {
    this.#clock = clock
    this.#limits = limits
    this.#touchedMs = clock.monotonicMs()
    const stopAnd = (callback: () => void) => () => {
      this.stop()
      callback()
    }
    this.#timers = [
      clock.setTimer(limits.totalMs, stopAnd(end)),
      clock.setTicker(limits.pingMs, () => {
        if (this.#idle()) stopAnd(end)()
        else ping()
      }),
    ]
  }

  /** Something was said that counts. */
  touch(): void {
    this.#touchedMs = this.#clock.monotonicMs()
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel()
  }

  #idle(): boolean {
    return this.#clock.monotonicMs() - this.#touchedMs >= this.#limits.idleMs
  }
}
