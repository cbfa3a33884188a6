// How many seats a level has wanted lately: the most, the mean over time and how far it strayed from
// it. Counterpart: the integrators of util/flowcontrol/fairqueuing of apiserver. Pure.

export interface DemandStatistics {
  readonly highest: number
  readonly mean: number
  readonly deviation: number
}

export class SeatDemand {
  #value = 0
  #sinceMs: number
  #changedMs: number
  #highest = 0
  #integral = 0
  #squares = 0

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
    this.#changedMs = nowMs
  }

  set(value: number, nowMs: number): void {
    this.#pass(nowMs)
    this.#value = value
    if (value > this.#highest) this.#highest = value
  }

  /** Of the time since this was last asked for; a new time begins. */
  take(nowMs: number): DemandStatistics {
    this.#pass(nowMs)
    const elapsedMs = nowMs - this.#sinceMs
    const mean = elapsedMs > 0 ? this.#integral / elapsedMs : this.#value
    const variance = elapsedMs > 0 ? this.#squares / elapsedMs - mean * mean : 0
    const highest = this.#highest
    this.#sinceMs = nowMs
    this.#integral = 0
    this.#squares = 0
    this.#highest = this.#value
    return { highest, mean, deviation: Math.sqrt(Math.max(0, variance)) }
  }

  #pass(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#changedMs)
    this.#integral += this.#value * elapsedMs
    this.#squares += this.#value * this.#value * elapsedMs
    this.#changedMs = nowMs
  }
}
