// A Clock that stands still until a test moves it. Timers fire in the order of their times, then
// of their setting, and microtasks drain between two of them, as promises in shells expect.

import type { Clock, Timer } from '../../../platform/clock.js'

interface Scheduled {
  readonly atMs: number
  readonly sequence: number
  /** Names the timer through all periods of a ticker. */
  readonly timer: symbol
  readonly periodMs: number | null
  readonly callback: () => void
}

export class VirtualClock implements Clock {
  private nowMs = 0
  private sequence = 0
  private readonly startWallMs: number
  private readonly scheduled = new Set<Scheduled>()

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
    return this.schedule(delayMs, null, callback)
  }

  setTicker(periodMs: number, callback: () => void): Timer {
    return this.schedule(periodMs, periodMs, callback)
  }

  defer(callback: () => void): void {
    this.schedule(0, null, callback)
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.scheduled.size
  }

  /** Lets time pass, firing what falls due on the way. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs
    await settle()
    for (let next = this.next(untilMs); next; next = this.next(untilMs)) {
      this.nowMs = Math.max(this.nowMs, next.atMs)
      this.scheduled.delete(next)
      if (next.periodMs !== null) {
        this.scheduled.add({ ...next, atMs: next.atMs + next.periodMs, sequence: this.sequence++ })
      }
      next.callback()
      await settle()
    }
    this.nowMs = untilMs
  }

  private schedule(delayMs: number, periodMs: number | null, callback: () => void): Timer {
    const atMs = this.nowMs + Math.max(0, delayMs)
    const timer = Symbol('timer')
    this.scheduled.add({ atMs, sequence: this.sequence++, timer, periodMs, callback })
    return {
      cancel: () => {
        for (const other of this.scheduled) {
          if (other.timer === timer) this.scheduled.delete(other)
        }
      },
    }
  }

  private next(untilMs: number): Scheduled | null {
    let first: Scheduled | null = null
    for (const entry of this.scheduled) {
      if (entry.atMs > untilMs) continue
      if (!first || entry.atMs < first.atMs) first = entry
      else if (entry.atMs === first.atMs && entry.sequence < first.sequence) first = entry
    }
    return first
  }
}

/** Lets chains of promises come to rest: all microtasks run before the event loop turns. */
export function settle(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
