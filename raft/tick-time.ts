// How much time the ticks given to the core stand for. Timers come late, never early, and lateness adds
// up: a lease that counts in ticks would outlast its promises if nobody kept the account.

/** Of time that has passed, so much may be untold by ticks before it counts as lost. */
const untoldTicksMax = 2

export class TickTime {
  private readonly tickMs: number
  private toldUntilMs: number

  constructor(tickMs: number, nowMs: number) {
    this.tickMs = tickMs
    this.toldUntilMs = nowMs
  }

  ticked(nowMs: number): void {
    this.toldUntilMs = Math.min(nowMs, this.toldUntilMs + this.tickMs)
  }

  /** True when time has passed that no tick will ever tell of; once for each such time. */
  takeLost(nowMs: number): boolean {
    if (nowMs - this.toldUntilMs < untoldTicksMax * this.tickMs) return false
    this.toldUntilMs = nowMs
    return true
  }
}
