// The way from one machine to another, in one direction: how long it takes, and whether anything
// gets through at the moment. Every connection between the two shares it.

import type { Random } from '../../platform/random.js'
import type { Connection } from './connection.js'

export interface WayPace {
  readonly delayMsMin: number
  readonly delayMsMax: number
  readonly bytesPerMs: number
}

export class Way {
  readonly from: number
  readonly to: number
  /** Faults that stand in it. */
  readonly blockers = new Set<number>()
  /** Faults that answer for who is at its end, and refuse connections in that one's name. */
  readonly refusers = new Set<number>()
  /** Connections with something to move when it opens again. */
  readonly waiting = new Set<Connection>()
  /** More delay, while somebody slows it down. */
  extraMs = 0
  private readonly random: Random
  private readonly pace: WayPace
  private readonly powered: () => boolean

  constructor(
    ends: { readonly from: number; readonly to: number },
    random: Random,
    pace: WayPace,
    /** Whether the machine that it begins at has power. */
    powered: () => boolean,
  ) {
    this.from = ends.from
    this.to = ends.to
    this.random = random
    this.pace = pace
    this.powered = powered
  }

  get blocked(): boolean {
    return this.blockers.size > 0
  }

  poweredAtStart(): boolean {
    return this.powered()
  }

  delayMs(bytes: number): number {
    const { delayMsMin, delayMsMax, bytesPerMs } = this.pace
    const range = delayMsMax - delayMsMin
    // The square makes short delays usual and long ones rare.
    const draw = this.random.next()
    return delayMsMin + range * draw * draw + this.extraMs + bytes / bytesPerMs
  }

  block(fault: number): void {
    this.blockers.add(fault)
  }

  unblock(fault: number): void {
    if (!this.blockers.delete(fault) || this.blocked) return
    this.open()
  }

  clear(): void {
    this.blockers.clear()
    this.refusers.clear()
    this.extraMs = 0
    this.open()
  }

  private open(): void {
    const connections = [...this.waiting]
    this.waiting.clear()
    for (const connection of connections) {
      connection.move(connection.near)
      connection.move(connection.far)
    }
  }
}
