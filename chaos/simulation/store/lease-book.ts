// What clients were promised of their leases: when each may end at the earliest. A leader counts on its own
// clock, which may be fast, from no earlier than the question that it answered; the next one begins anew
// with the time that is known to be left, which is never less.

import type { ReferenceLease } from './reference.js'
import { holds } from '../failure.js'

interface Promised {
  /** In the simulation's time. */
  untilMs: number
  why: string
  /** When a leader's clock ended it; null while none has. */
  expiredMs: number | null
}

export class LeaseBook {
  private readonly nowMs: () => number
  /** Of the fastest clock that may lead: its milliseconds to one of the simulation's. */
  private readonly fastestRate: () => number
  private readonly promises = new Map<number, Promised>()

  constructor(nowMs: () => number, fastestRate: () => number) {
    this.nowMs = nowMs
    this.fastestRate = fastestRate
  }

  /** It has been applied for the first time; no clock counted before. */
  granted({ id, ttlSeconds }: ReferenceLease): void {
    this.promises.set(id, { untilMs: 0, why: '', expiredMs: null })
    this.promise(id, this.nowMs(), ttlSeconds, 'granted')
  }

  /** A client was told that `seconds` are left, in answer to what it asked at `askedMs`. */
  promise(id: number, askedMs: number, seconds: number, why: string): void {
    const promised = this.promises.get(id)
    if (promised === undefined) return
    const untilMs = askedMs + (seconds * 1000) / this.fastestRate()
    if (untilMs <= promised.untilMs) return
    promised.untilMs = untilMs
    promised.why = `${why} for ${seconds} s at ${Math.round(askedMs)} ms`
    this.look(id, promised)
  }

  /** A leader's clock has ended it. */
  expired(id: number): void {
    const promised = this.promises.get(id)
    if (promised === undefined) return
    promised.expiredMs = this.nowMs()
    this.look(id, promised)
  }

  private look(id: number, { untilMs, why, expiredMs }: Promised): void {
    holds(
      expiredMs === null || expiredMs >= untilMs - 1,
      'lease-not-early',
      () =>
        `lease ${id} has expired at ${Math.round(expiredMs ?? 0)} ms; it was ${why}, so not before ${Math.round(untilMs)}`,
    )
  }
}
