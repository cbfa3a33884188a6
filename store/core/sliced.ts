// Work that may take long, in slices. It gives way after each of them, and whoever drives it goes on with
// it in another turn of the event loop: heartbeats, reads and timers pass between. Counterpart in etcd:
// goroutines, which the scheduler interrupts wherever they are.

/** `yield` ends a slice. */
export type Sliced<T> = Generator<undefined, T, undefined>

/** The result of what is always short, or work that may take long. */
export type Applied<T extends { readonly ok: boolean }> = T | Sliced<T>

/** All of it in this turn: for what is short, and where nobody waits. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Work is counted in keys looked at: what takes longer counts as several. */
export const workOf = {
  /** A row read from the backend. */
  reading: 8,
  /** A row made, with all that is kept of it. */
  writing: 8,
} as const

/** Says when a slice has been long enough. */
export class Pace {
  readonly #workMax: number
  #left: number

  constructor(workMax: number) {
    this.#workMax = workMax
    this.#left = workMax
  }

  /** True when it is time to give way. */
  spend(work: number): boolean {
    this.#left -= work
    if (this.#left > 0) return false
    this.#left = this.#workMax
    return true
  }
}

/** Texts that are sorted in one go. */
const runLength = 1_024

/** The same texts in order. */
export function* sorted(texts: Iterable<string>, pace: Pace): Sliced<readonly string[]> {
  let from = [...texts]
  if (from.length <= runLength) return from.sort()
  for (let at = 0; at < from.length; at += runLength) {
    const run = from.slice(at, at + runLength).sort()
    for (const [offset, text] of run.entries()) from[at + offset] = text
    if (pace.spend(run.length)) yield
  }
  let to = [...from]
  for (let length = runLength; length < from.length; length *= 2) {
    for (let at = 0; at < from.length; at += 2 * length) {
      yield* merge(from, to, at, Math.min(at + length, from.length), at + 2 * length, pace)
    }
    ;[from, to] = [to, from]
  }
  return from
}

/** `from[start..middle)` and `from[middle..end)`, both in order, as one into the same places of `to`. */
function* merge(
  from: readonly string[],
  to: string[],
  start: number,
  middle: number,
  end: number,
  pace: Pace,
): Sliced<void> {
  const last = Math.min(end, from.length)
  let left = start
  let right = middle
  for (let at = start; at < last; at++) {
    const takesLeft =
      left < middle && (right >= last || (from[left] as string) <= (from[right] as string))
    to[at] = from[takesLeft ? left++ : right++] as string
    if (pace.spend(1)) yield
  }
}
