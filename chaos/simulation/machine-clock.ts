// The clock of one machine: it runs at a rate of its own, its wall time may jump, and what it is
// asked for happens in the process that asked, if that still lives. Belongs to one process; the skew
// belongs to the machine.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Scheduler, SimProcess } from './scheduler.js'

/** How a machine's clock differs from the simulation's. */
export interface ClockSkew {
  /** Its milliseconds to one of the simulation's. */
  rate: number
  /** Of its wall time. */
  wallOffsetMs: number
}

const startWallMs = Date.UTC(2026, 0, 1)

export class MachineClock implements Clock {
  private readonly scheduler: Scheduler
  private readonly process: SimProcess
  private readonly skew: ClockSkew

  constructor(scheduler: Scheduler, process: SimProcess, skew: ClockSkew) {
    this.scheduler = scheduler
    this.process = process
    this.skew = skew
  }

  monotonicMs(): number {
    return this.scheduler.nowMs * this.skew.rate
  }

  wallMs(): number {
    return startWallMs + Math.floor(this.scheduler.nowMs * this.skew.rate) + this.skew.wallOffsetMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const { scheduler, process, skew } = this
    const timer = scheduler.after(delayMs / skew.rate, 'timer', process, callback)
    return { cancel: () => scheduler.cancel(timer) }
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
    this.scheduler.after(0, 'defer', this.process, callback)
  }
}
