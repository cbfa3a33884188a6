// How many watches there may be at a time, and the list of those that shutting down must end.

import { tooManyRequests } from '../api/status.js'
import type { WatchStream } from './watch-stream.js'

const retryAfterSeconds = 5

/** The right to one watch. */
export interface WatchTicket {
  /** From here on the gate can end it. */
  attach(stream: WatchStream): void
  /** May be called more than once. */
  leave(): void
}

export class WatchGate {
  readonly #watchesMax: number
  readonly #tickets = new Map<WatchTicket, WatchStream | null>()

  constructor(watchesMax: number) {
    this.#watchesMax = watchesMax
  }

  get count(): number {
    return this.#tickets.size
  }

  /** Throws ApiError TooManyRequests. */
  enter(): WatchTicket {
    if (this.#tickets.size >= this.#watchesMax) {
      throw tooManyRequests('too many watches, please try again later', retryAfterSeconds)
    }
    const ticket: WatchTicket = {
      attach: stream => {
        if (this.#tickets.has(ticket)) this.#tickets.set(ticket, stream)
      },
      leave: () => {
        this.#tickets.delete(ticket)
      },
    }
    this.#tickets.set(ticket, null)
    return ticket
  }

  closeAll(): void {
    for (const stream of this.#tickets.values()) stream?.close()
  }
}
