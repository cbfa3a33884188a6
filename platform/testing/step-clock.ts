// A clock that moves only when told: every callback is one step, in order of time and then of
// registration. For tests that drive shells through a memory disk, one event after another.

import type { Clock, Timer } from '../clock.js'
import { assert } from '../errors.js'

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class StepClock implements Clock {
  private nowMs = 0
  private order = 0
  private events: Event[] = []

  monotonicMs(): number {
    return this.nowMs
  }

  wallMs(): number {
    return 1_800_000_000_000 + this.nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const event = { atMs: this.nowMs + delayMs, order: this.order, run: callback }
    this.order += 1
    const later = this.events.findIndex(
      other => other.atMs > event.atMs || (other.atMs === event.atMs && other.order > event.order),
    )
    if (later === -1) this.events.push(event)
    else this.events.splice(later, 0, event)
    return {
      cancel: () => {
        this.events = this.events.filter(other => other !== event)
      },
    }
  }

  setTicker(periodMs: number, callback: () => void): Timer {
    let timer: Timer
    const again = () => {
      timer = this.setTimer(periodMs, again)
      callback()
    }
    timer = this.setTimer(periodMs, again)
    return { cancel: () => timer.cancel() }
  }

  readonly defer = (callback: () => void): void => {
    this.setTimer(0, callback)
  }

  /** Whoever waited for something has died. */
  forget(): void {
    this.events = []
  }

  /** Runs the next event; false when there is none up to `untilMs`. */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const event = this.events[0]
    if (event === undefined || event.atMs > untilMs) return false
    this.events.shift()
    this.nowMs = event.atMs
    event.run()
    return true
  }

  /** Runs all that is due within `ms` from now. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    let steps = 0
    while (this.step(untilMs)) {
      steps += 1
      assert(steps < 1_000_000, 'a test comes to rest')
    }
    this.nowMs = untilMs
  }
}
