// What a load generator saw within its window: latencies of everything that was due in it, how much was
// answered in every second of it, and what failed. Pure: told the time.

import { assert } from '../../platform/errors.js'
import { Histogram } from './histogram.js'

export interface Recorded {
  /** Of all that was due within the window, however late the answer came. */
  readonly latencies: Histogram
  /** Answers that came within the window. */
  readonly answered: number
  /** The same for every whole second of the window. */
  readonly perSecond: readonly number[]
  /** Failures of what was due within the window, by what was said. */
  readonly failures: Readonly<Record<string, number>>
  readonly failed: number
  readonly elapsedMs: number
}

/** A timer may fire so much too early. */
const timerMs = 10

/** Different failures that are told apart; the others are counted together. */
const reasonsMax = 20

export class Recorder {
  readonly #latencies = new Histogram()
  readonly #perSecond: number[] = []
  readonly #failures = new Map<string, number>()
  #answered = 0
  #failed = 0
  // Nothing is within a window that has not been opened.
  #fromMs = Number.POSITIVE_INFINITY
  #untilMs = Number.POSITIVE_INFINITY

  /** What is due, and what is answered, from now on counts. */
  open(nowMs: number): void {
    assert(this.#fromMs === Number.POSITIVE_INFINITY, 'a window is opened once')
    this.#fromMs = nowMs
  }

  /** What is due from now on does not count; what was due still does, whenever it is answered. */
  close(nowMs: number): void {
    this.#untilMs = nowMs
  }

  /** An answer at `nowMs` to what was to begin at `dueMs`; `times` as many in one. */
  answered(dueMs: number, nowMs: number, times = 1): void {
    const [fromMs, untilMs] = [this.#fromMs, this.#untilMs]
    if (dueMs >= fromMs && dueMs < untilMs) {
      this.#latencies.record(Math.max(0, nowMs - dueMs) * 1_000, times)
    }
    if (nowMs >= fromMs && nowMs < untilMs) {
      this.#answered += times
      const second = Math.floor((nowMs - fromMs) / 1_000)
      while (this.#perSecond.length <= second) this.#perSecond.push(0)
      this.#perSecond[second] = (this.#perSecond[second] ?? 0) + times
    }
  }

  failed(dueMs: number, reason: string, times = 1): void {
    if (dueMs < this.#fromMs || dueMs >= this.#untilMs) return
    this.#failed += times
    const known = this.#failures.has(reason) || this.#failures.size < reasonsMax
    const name = known ? reason : 'others'
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + times)
  }

  /** When the window has been closed. */
  recorded(): Recorded {
    const elapsedMs = this.#fromMs < this.#untilMs ? this.#untilMs - this.#fromMs : 0
    assert(Number.isFinite(elapsedMs), 'the window has been closed')
    const seconds = Math.floor((elapsedMs + timerMs) / 1_000)
    while (this.#perSecond.length < seconds) this.#perSecond.push(0)
    return {
      latencies: this.#latencies,
      answered: this.#answered,
      perSecond: this.#perSecond.slice(0, seconds),
      failures: Object.fromEntries(this.#failures),
      failed: this.#failed,
      elapsedMs,
    }
  }
}
