// What a load generator saw within its window: latencies of everything that was due in it, how much was
// answered in every second of it, and what failed. Pure: told the time.

import { Histogram } from './histogram.js'

export interface Window {
  readonly fromMs: number
  readonly untilMs: number
}

export interface Recorded {
  /** Of all that was due within the window, however late the answer came. */
  readonly latencies: Histogram
  /** Answers that came within the window. */
  readonly answered: number
  /** The same for every second since the window's begin; the last one may be cut. */
  readonly perSecond: readonly number[]
  /** Failures of what was due within the window, by what was said. */
  readonly failures: Readonly<Record<string, number>>
  readonly failed: number
  readonly elapsedMs: number
}

/** Different failures that are told apart; the others are counted together. */
const reasonsMax = 20

export class Recorder {
  readonly #latencies = new Histogram()
  readonly #perSecond: number[] = []
  readonly #failures = new Map<string, number>()
  #window: Window
  #answered = 0
  #failed = 0

  constructor(window: Window) {
    this.#window = window
  }

  get window(): Window {
    return this.#window
  }

  /** The window ends early: what is due later does not count. */
  cut(untilMs: number): void {
    const { fromMs } = this.#window
    this.#window = { fromMs, untilMs: Math.max(fromMs, Math.min(untilMs, this.#window.untilMs)) }
  }

  /** An answer at `nowMs` to what was to begin at `dueMs`; `times` as many in one. */
  answered(dueMs: number, nowMs: number, times = 1): void {
    const { fromMs, untilMs } = this.#window
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
    const { fromMs, untilMs } = this.#window
    if (dueMs < fromMs || dueMs >= untilMs) return
    this.#failed += times
    const known = this.#failures.has(reason) || this.#failures.size < reasonsMax
    const name = known ? reason : 'others'
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + times)
  }

  recorded(): Recorded {
    const { fromMs, untilMs } = this.#window
    const seconds = Math.ceil((untilMs - fromMs) / 1_000)
    while (this.#perSecond.length < seconds) this.#perSecond.push(0)
    return {
      latencies: this.#latencies,
      answered: this.#answered,
      perSecond: this.#perSecond.slice(0, seconds),
      failures: Object.fromEntries(this.#failures),
      failed: this.#failed,
      elapsedMs: untilMs - fromMs,
    }
  }
}
