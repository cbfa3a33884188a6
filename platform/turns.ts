// Long work in one thread, with turns for others in between. Counterpart: none; Go has preemption.

import type { Clock } from './clock.js'

/** Work before others have their turn. */
export const turnMs = 8

/** The items that pass `test`, in their order; looks at the clock after every 64 of them. */
export async function filterInTurns<T>(
  items: readonly T[],
  test: (item: T) => boolean,
  clock: Clock,
): Promise<T[]> {
  const found: T[] = []
  let sinceMs = clock.monotonicMs()
  for (const [at, item] of items.entries()) {
    if (test(item)) found.push(item)
    if (at % 64 !== 63 || clock.monotonicMs() - sinceMs < turnMs) continue
    await nextTurn(clock)
    sinceMs = clock.monotonicMs()
  }
  return found
}

export function nextTurn(clock: Clock): Promise<void> {
  return new Promise(resolve => clock.defer(resolve))
}

/** What the steps come to, when the last of them is done. */
export async function resultInTurns<T>(steps: Generator<unknown, T>, clock: Clock): Promise<T> {
  let sinceMs = clock.monotonicMs()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (clock.monotonicMs() - sinceMs < turnMs) continue
    await nextTurn(clock)
    sinceMs = clock.monotonicMs()
  }
}
