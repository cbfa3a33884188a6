// Reading that may take long and whose result is needed whole: read-only transactions, and finding out how
// long an answer would be. What is not done at once goes on in later turns of the event loop, one piece of
// work behind the other, so that no more than one of them holds a long result.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Sliced } from '../core/sliced.js'
import { tooManyRequests } from './service-errors.js'

const waitingMax = 1_024
/** Per turn of the event loop. */
const turnMsMax = 2

interface Waiting {
  /** False when its result would reach nobody any more. */
  readonly wanted: () => boolean
  /** Does one slice; true when there is more to do. */
  readonly slice: () => boolean
}

export class SlicedWork {
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #scheduled = false
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `done` hears of the result once, at once where one slice is enough. Throws `too-many-requests`. */
  run<T>(
    work: Sliced<T>,
    wanted: () => boolean,
    done: (error: RaftsmanError | null, result?: T) => void,
  ): void {
    const slice = () => {
      let step: IteratorResult<undefined, T>
      try {
        step = work.next()
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
        done(error)
        return false
      }
      if (step.done === true) done(null, step.value)
      return step.done !== true
    }
    if (!slice()) return
    if (this.#waiting.length >= waitingMax) throw tooManyRequests()
    this.#waiting.push({ wanted, slice })
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed || this.#waiting.length === 0) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      this.#turn()
      this.#schedule()
    })
  }

  #turn(): void {
    const endMs = this.#clock.monotonicMs() + turnMsMax
    do {
      const first = this.#waiting[0]
      if (first === undefined) return
      const more = first.wanted() && first.slice()
      if (!more) this.#waiting.shift()
    } while (this.#clock.monotonicMs() < endMs)
  }
}
