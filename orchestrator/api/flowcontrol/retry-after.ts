// After how long a client that is turned away shall come again: longer while many are, as TCP backs
// off. Counterpart: util/flowcontrol/dropped_requests_tracker.go of apiserver. Pure.

const secondsMax = 32

export class RetryAfter {
  /** Of whole seconds, oldest first. */
  #history: { readonly second: number; readonly dropped: number }[] = []
  #second = 0
  #dropped = 0
  #seconds = 1
  #raisedAt = 0

  /** Seconds, for the one that is dropped at `second`. */
  dropped(second: number): number {
    if (second === this.#second) {
      this.#dropped += 1
      return this.#seconds
    }
    if (this.#dropped > 0) this.#history.push({ second: this.#second, dropped: this.#dropped })
    this.#second = second
    this.#dropped = 1
    this.#review(second)
    this.#history = this.#history.filter(one => second - one.second <= secondsMax)
    return this.#seconds
  }

  #review(second: number): void {
    let lately = 0
    for (const one of this.#history) {
      if (second - one.second <= this.#seconds) lately += one.dropped
    }
    if (second - this.#raisedAt >= this.#seconds && lately >= 3 * this.#seconds) {
      this.#seconds = Math.min(2 * this.#seconds, secondsMax)
      this.#raisedAt = second
    } else if (lately < this.#seconds && this.#seconds > 1) this.#seconds -= 1
  }
}
