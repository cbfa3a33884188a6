// The session in which a client's writes have names, so that one whose answer did not come can be sent again:
// numbers that count up, and how far all of them have been answered or given up.

import type { Once } from '../core/types.js'

export class WriteSession {
  readonly id: number
  /** A session is of one cluster; one that was restored from a snapshot is another. */
  readonly clusterId: number
  /** The members know it no more: it names nothing new. */
  lost = false
  readonly #numbersMax: number
  #next = 1
  /** All below have been answered or given up. 1 <= floor <= next */
  #floor = 1
  /** Answered or given up, above the floor. */
  readonly #done = new Set<number>()

  constructor(id: number, clusterId: number, numbersMax: number) {
    this.id = id
    this.clusterId = clusterId
    this.#numbersMax = numbersMax
  }

  /** False while the first answer that is missing is too far behind. */
  get hasRoom(): boolean {
    return this.#next - this.#floor < this.#numbersMax
  }

  take(): WriteName {
    const name = new WriteName(this, this.#next)
    this.#next += 1
    return name
  }

  /** As it is sent now. */
  once(number: number): Once {
    return { session: this.id, number, floor: this.#floor }
  }

  /** Nobody will send this number again. */
  done(number: number): void {
    this.#done.add(number)
    while (this.#done.delete(this.#floor)) this.#floor += 1
  }
}

export class WriteName {
  readonly session: WriteSession
  readonly number: number

  constructor(session: WriteSession, number: number) {
    this.session = session
    this.number = number
  }

  get once(): Once {
    return this.session.once(this.number)
  }

  done(): void {
    this.session.done(this.number)
  }
}
