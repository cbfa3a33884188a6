// A clock that moves only when told: every callback is one step, in order of time and then of
// registration. For tests that drive shells one event after another, and for those whose shells
// hold promises.

import type { Clock, Timer } from '../clock.js'
import { assert } from '../errors.js'

interface Event {
  readonly atMs: number
  readonly run: () => void
}

const stepsMax = 1_000_000

export class VirtualClock implements Clock {
  private nowMs = 0
  private readonly startWallMs: number
  /** By time; those of the same time in the order in which they were set. */
  private events: Event[] = []

  constructor(startWallMs = Date.UTC(2026, 0, 1)) {
    this.startWallMs = startWallMs
  }

  monotonicMs(): number {
    return this.nowMs
  }

  wallMs(): number {
    return this.startWallMs + this.nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), run: callback }
    const later = this.events.findIndex(other => other.atMs > event.atMs)
    this.events.splice(later === -1 ? this.events.length : later, 0, event)
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

  /** Callbacks that have not run. */
  get pending(): number {
    return this.events.length
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

  /** Runs all that is due within `byMs` from now, at once: promises do not get on meanwhile. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs
    let steps = 0
    while (this.step(untilMs)) {
      steps += 1
      assert(steps < stepsMax, 'a test comes to rest')
    }
    this.nowMs = untilMs
  }

  /** The same for shells that hold promises: these come to rest before each step and at the end. */
  async pass(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs
    let steps = 0
    await settle()
    while (this.step(untilMs)) {
      steps += 1
      assert(steps < stepsMax, 'a test comes to rest')
      await settle()
    }
    this.nowMs = untilMs
  }
}

/** Lets chains of promises come to rest: all microtasks run before the event loop turns. */
export function settle(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
