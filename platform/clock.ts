// Time as an argument. Shells hold a Clock; pure cores get ticks or plain numbers.

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds that never go back, from an arbitrary start; fractional. */
  monotonicMs(): number
  /** Milliseconds since the Unix epoch. May jump; only for what users see. */
  wallMs(): number
  /** Calls back once, no sooner than `delayMs` from now. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls back every `periodMs` until cancelled; missed periods are not made up for. */
  setTicker(periodMs: number, callback: () => void): Timer
  /** Calls back after the IO events of the current turn of the event loop: where batches are cut. */
  defer(callback: () => void): void
}
