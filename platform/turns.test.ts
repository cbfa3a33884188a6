import { expect, test } from 'vitest'
import type { Clock } from './clock.js'
import { filterInTurns, piecesInTurns, resultInTurns, turnMs } from './turns.js'

/** Time passes by work alone, and a turn of the loop ends when the test says so. */
class WorkClock implements Clock {
  nowMs = 0
  #deferred: (() => void)[] = []

  monotonicMs = (): number => this.nowMs
  wallMs = (): number => this.nowMs
  setTimer = () => ({ cancel() {} })
  setTicker = () => ({ cancel() {} })
  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  /** One turn; answers how long the work in it took. */
  async turn(): Promise<number> {
    const startedMs = this.nowMs
    for (const callback of this.#deferred.splice(0)) callback()
    await settled()
    return this.nowMs - startedMs
  }
}

/** All microtasks have run. */
const settled = () =>
  new Promise<void>(resolve => {
    setImmediate(resolve)
  })

/** How many turns it took; in none of them there was more than one share of work. */
async function turnsUntil(clock: WorkClock, work: Promise<unknown>): Promise<number> {
  const state = { done: false }
  const mark = () => {
    state.done = true
  }
  void work.then(mark, mark)
  for (let turns = 0; ; turns += 1) {
    if (state.done) return turns
    if (turns > 10_000) throw new Error('it never ends')
    expect(await clock.turn()).toBeLessThanOrEqual(turnMs)
  }
}

const numbers = Array.from({ length: 6_400 }, (_, at) => at)

test('a thousand works that come at once have one share of a turn together', async () => {
  const clock = new WorkClock()
  const done: number[] = []
  const works = Array.from({ length: 1_000 }, async (_, at) => {
    const found = await filterInTurns(
      numbers,
      number => {
        // A hundred looks at the clock, 3 ms, a work.
        if (number % 64 === 0) clock.nowMs += 0.03
        return number % 1_000 === 0
      },
      clock,
    )
    expect(found).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000])
    done.push(at)
  })
  await settled()
  expect(clock.nowMs).toBeLessThan(turnMs + 0.1)
  for (let turns = 0; done.length < works.length; turns += 1) {
    expect(turns).toBeLessThan(1_000)
    const workedMs = await clock.turn()
    expect(workedMs).toBeLessThan(turnMs + 0.1)
    // No turn is left empty either: the next in line goes on where one has done.
    if (done.length < works.length) expect(workedMs).toBeGreaterThanOrEqual(turnMs - 0.1)
  }
  expect(done.toSorted((a, b) => a - b)).toEqual(numbers.slice(0, 1_000))
})

test('what is short goes ahead of all that waits', async () => {
  const clock = new WorkClock()
  const slow = () => {
    clock.nowMs += 1 / 64
    return true
  }
  const long = filterInTurns(numbers, slow, clock)
  await settled()
  expect(await filterInTurns([1, 2, 3], number => number > 1, clock)).toEqual([2, 3])
  expect(clock.nowMs).toBe(turnMs)
  expect(await turnsUntil(clock, long)).toBeLessThanOrEqual(numbers.length)
  expect(await long).toEqual(numbers)
})

test('work whose time stands still, as in simulation, is done at once', async () => {
  const clock = new WorkClock()
  function* steps() {
    for (const _ of numbers) yield
    return 'done'
  }
  const results = Promise.all([
    resultInTurns(steps(), clock),
    filterInTurns(numbers, number => number < 2, clock),
  ])
  expect(await results).toEqual(['done', [0, 1]])
})

test('work that fails gives its turn to the next', async () => {
  const clock = new WorkClock()
  function* failing(): Generator<undefined, never> {
    for (let step = 0; step < 20; step += 1) {
      clock.nowMs += 1
      yield
    }
    throw new Error('broken')
  }
  const failures = [1, 2, 3].map(() => resultInTurns(failing(), clock).catch(String))
  const all = Promise.all(failures)
  await turnsUntil(clock, all)
  expect(await all).toEqual(Array(3).fill('Error: broken'))
})

test('pieces are made when they are asked for, and wait for their turn', async () => {
  const clock = new WorkClock()
  let made = 0
  function* pieces() {
    for (let at = 0; at < 40; at += 1) {
      clock.nowMs += 1
      made += 1
      yield at % 2 === 0 ? Uint8Array.of(at) : new Uint8Array()
    }
  }
  const source = piecesInTurns(pieces(), clock)
  expect((await source.next()).value).toEqual(Uint8Array.of(0))
  await clock.turn()
  expect(made).toBe(1)
  const rest: number[] = []
  const reading = (async () => {
    for await (const piece of source) rest.push(...piece)
  })()
  await settled()
  expect(made).toBe(1 + turnMs)
  await turnsUntil(clock, reading)
  expect(rest).toEqual(numbers.slice(2, 40).filter(number => number % 2 === 0))
})
