// Long work in one thread, with turns for others in between: however many works are long at a time, together
// they take one share of each turn of the event loop. Counterpart: none; Go has preemption.

import type { Clock } from './clock.js'

/** Work before others have their turn. */
export const turnMs = 8
/** Items between two looks at the clock; fewer are no long work and wait for nobody. */
const itemsALook = 64

/** Whose share of a turn it is. One for a thread, which is one for a clock. */
class Turns {
  readonly #clock: Clock
  /** Those that go on when there is time, one after the other; as many as there are requests at work. */
  readonly #line: (() => void)[] = []
  #startedMs = 0
  /** Somebody has worked in this turn, and it is known when it ends. */
  #measured = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `spent` for somebody who has not worked in this turn yet. */
  full(): boolean {
    if (this.#measured) return this.spent()
    this.#startedMs = this.#clock.monotonicMs()
    return false
  }

  spent(): boolean {
    const usedMs = this.#clock.monotonicMs() - this.#startedMs
    if (usedMs > 0 && !this.#measured) {
      this.#measured = true
      this.#clock.defer(() => this.#begin())
    }
    return usedMs >= turnMs
  }

  next(): Promise<void> {
    return new Promise(resolve => {
      this.#line.push(resolve)
    })
  }

  #begin(): void {
    this.#measured = false
    if (this.#line.length === 0) return
    this.#startedMs = this.#clock.monotonicMs()
    this.#goOn()
  }

  readonly #goOn = (): void => {
    if (this.#line.length === 0 || this.spent()) return
    this.#line.shift()?.()
    // Behind the one that has just been let in, which works until it waits again or has done.
    queueMicrotask(this.#goOn)
  }
}

const known = new WeakMap<Clock, Turns>()

function turnsOf(clock: Clock): Turns {
  const turns = known.get(clock) ?? new Turns(clock)
  known.set(clock, turns)
  return turns
}

/** Resolves when work that may be long can begin: what it needs is best gathered after that. */
export async function roomInTurn(clock: Clock): Promise<void> {
  const turns = turnsOf(clock)
  if (turns.full()) await turns.next()
}

/** The items that pass `test`, in their order. */
export async function filterInTurns<T>(
  items: readonly T[],
  test: (item: T) => boolean,
  clock: Clock,
): Promise<T[]> {
  if (items.length < itemsALook) return items.filter(test)
  const turns = turnsOf(clock)
  if (turns.full()) await turns.next()
  const found: T[] = []
  for (const [at, item] of items.entries()) {
    if (test(item)) found.push(item)
    if (at % itemsALook === itemsALook - 1 && turns.spent()) await turns.next()
  }
  return found
}

/** What the steps come to, when the last of them is done. */
export async function resultInTurns<T>(steps: Generator<unknown, T>, clock: Clock): Promise<T> {
  const turns = turnsOf(clock)
  if (turns.full()) await turns.next()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (turns.spent()) await turns.next()
  }
}

/** The pieces, each made when it is asked for; those with nothing in them only give others their turn. */
export async function* piecesInTurns(
  pieces: Iterable<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array, void> {
  const turns = turnsOf(clock)
  const source = pieces[Symbol.iterator]()
  for (;;) {
    // The last one may have been asked for long ago.
    if (turns.full()) await turns.next()
    const made = source.next()
    turns.spent()
    if (made.done === true) return
    if (made.value.length > 0) yield made.value
  }
}
