// Ranges that are answered in one message have to be put together first: gRPC writes the length before
// the message. All of them together are held to a budget. Counterpart in etcd: none, and large lists are
// what runs it out of memory.

import { RaftsmanError } from '../../platform/errors.js'

const bytesMaxDefault = 512 * 1024 * 1024

export class AnswerBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = bytesMaxDefault) {
    this.#bytesMax = bytesMax
  }

  /** Of answers that are being put together. */
  get bytes(): number {
    return this.#bytes
  }

  /** @throws RaftsmanError when others, or this one alone, hold too much; nothing is taken then. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      throw new RaftsmanError(
        'the answer is too large for one message; set a limit, or stream it',
        {
          code: 'answer-too-large',
          retryable: false,
          outcome: 'not-applied',
        },
      )
    }
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}
