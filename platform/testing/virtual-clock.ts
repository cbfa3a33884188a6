// A clock that moves only when told: every callback is one step, in order of time and then of
// registration. For tests that drive shells one event after another, and for those whose shells
// hold promises.

import type { Clock, Timer } from '../clock.js'
import { assert } from '../errors.js'
import { EventQueue } from './event-queue.js'

const stepsMax = 1_000_000

export class VirtualClock implements Clock {
  private nowMs = 0
  private readonly startWallMs: number
  private readonly events = new EventQueue<() => void>()

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
    const event = this.events.push(this.nowMs + Math.max(0, delayMs), callback)
    return { cancel: () => this.events.cancel(event) }
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
    return this.events.size
  }

  /** Whoever waited for something has died. */
  forget(): void {
    this.events.clear()
  }

  /** Runs the next event; false when there is none up to `untilMs`. */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const atMs = this.events.nextMs
    if (atMs > untilMs) return false
    const run = this.events.take()
    if (run === null) return false
    this.nowMs = atMs
    run()
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
