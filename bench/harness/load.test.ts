// Load on a virtual clock, over servers whose times are known.

import { expect, test } from 'vitest'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Ask, LoadPlan } from './load.js'
import { runLoad } from './load.js'
import { StopSwitch } from './stop.js'

/** Answers one after the other, each after `serviceMs`; none between `stallFromMs` and `stallUntilMs`. */
function server(clock: VirtualClock, serviceMs: number, stallFromMs = 0, stallUntilMs = 0): Ask {
  let freeMs = 0
  return (_slot, done) => {
    let doneMs = Math.max(freeMs, clock.monotonicMs()) + serviceMs
    if (doneMs > stallFromMs && doneMs < stallUntilMs) doneMs = stallUntilMs
    freeMs = doneMs
    clock.setTimer(doneMs - clock.monotonicMs(), () => done(null))
  }
}

const usual = { slots: 1, warmUpMs: 0, windowMs: 1_000, drainMsMax: 10_000 }

function run(clock: VirtualClock, plan: Partial<LoadPlan> & Pick<LoadPlan, 'ask'>) {
  const running = runLoad({ ...usual, clock, ...plan })
  return clock.pass(30_000).then(() => running)
}

test('A closed loop asks again when it was answered.', async () => {
  const clock = new VirtualClock()
  const { answered, latencies, perSecond } = await run(clock, {
    ask: server(clock, 10),
    windowMs: 2_000,
  })
  // What is answered at the very end of the window is not in it.
  expect(answered).toBe(199)
  expect(perSecond).toEqual([99, 100])
  expect(latencies.count).toBe(200)
  expect(latencies.maxMicros).toBe(10_000)
})

test.each([undefined, 1_000])(
  'Nothing is asked within an answer, so that all that has come is taken first (rate %s).',
  async rate => {
    const clock = new VirtualClock()
    let within = false
    let asked = 0
    await run(clock, {
      slots: 3,
      ...(rate === undefined ? {} : { rate }),
      ask: (_slot, done) => {
        expect(within).toBe(false)
        asked += 1
        clock.setTimer(10, () => {
          within = true
          done(null)
          within = false
        })
      },
    })
    expect(asked).toBeGreaterThan(250)
  },
)

test('More slots keep more under way, each one at a time.', async () => {
  const clock = new VirtualClock()
  let under = 0
  let most = 0
  const underWay = new Set<number>()
  const { latencies } = await run(clock, {
    slots: 5,
    ask: (slot, done) => {
      expect(underWay.has(slot)).toBe(false)
      underWay.add(slot)
      under += 1
      most = Math.max(most, under)
      clock.setTimer(20, () => {
        underWay.delete(slot)
        under -= 1
        done(null)
      })
    },
  })
  expect(most).toBe(5)
  expect(latencies.count).toBe(250)
})

test('A stall of an open loop shows in everything that was due meanwhile.', async () => {
  const clock = new VirtualClock()
  // Five hundred of a thousand requests are due while nothing is answered.
  const { latencies, failed } = await run(clock, {
    rate: 1_000,
    slots: 10_000,
    ask: server(clock, 0.1, 200, 700),
  })
  expect(failed).toBe(0)
  expect(latencies.count).toBe(1_000)
  expect(latencies.percentileMicros(0.4)).toBeLessThan(5_000)
  expect(latencies.percentileMicros(0.75)).toBeGreaterThan(240_000)
  expect(latencies.percentileMicros(0.99)).toBeGreaterThan(480_000)
  expect(latencies.maxMicros).toBeGreaterThan(490_000)
})

test('It shows as well where nothing more could be sent: time runs from when it was due.', async () => {
  const clock = new VirtualClock()
  const { latencies, failed } = await run(clock, {
    rate: 1_000,
    slots: 4,
    ask: server(clock, 0.1, 200, 700),
  })
  expect(failed).toBe(0)
  expect(latencies.count).toBe(1_000)
  expect(latencies.percentileMicros(0.75)).toBeGreaterThan(240_000)
})

test('The same stall of a closed loop is one slow request: why there is an open one.', async () => {
  const clock = new VirtualClock()
  const { latencies } = await run(clock, { ask: server(clock, 1, 200, 700) })
  expect(latencies.maxMicros).toBeGreaterThan(490_000)
  expect(latencies.percentileMicros(0.99)).toBeLessThan(5_000)
})

test('An open loop keeps its rate whatever comes of it, and says what it did not get to.', async () => {
  const clock = new VirtualClock()
  const { failures, failed, latencies } = await run(clock, {
    rate: 100,
    slots: 10,
    // Never answered.
    ask: () => {},
  })
  expect(latencies.count).toBe(0)
  expect(failed).toBe(100)
  expect(failures).toEqual({
    'not answered': 10,
    'not sent before the end: too many were under way': 90,
  })
})

test('What is due while warming up does not count, nor its failures.', async () => {
  const clock = new VirtualClock()
  let asked = 0
  const opened: number[] = []
  const { latencies, answered, failed } = await run(clock, {
    warmUpMs: 500,
    onOpen: () => opened.push(clock.monotonicMs()),
    onClose: () => opened.push(clock.monotonicMs()),
    ask: (_slot, done) => {
      asked += 1
      const failure = clock.monotonicMs() < 400 ? 'too early' : null
      clock.setTimer(10, () => done(failure))
    },
  })
  expect(opened).toEqual([500, 1_500])
  expect(failed).toBe(0)
  expect(latencies.count).toBe(100)
  expect(answered).toBe(100)
  expect(asked).toBeGreaterThan(120)
})

test('An answer that comes after the end counts with its latency, not as throughput.', async () => {
  const clock = new VirtualClock()
  const { latencies, answered } = await run(clock, { ask: server(clock, 1_500) })
  expect(answered).toBe(0)
  expect(latencies.count).toBe(1)
  expect(latencies.maxMicros).toBe(1_500_000)
})

test('Failures are counted by what was said, and a slot that failed waits a little.', async () => {
  const clock = new VirtualClock()
  const { failures } = await run(clock, {
    ask: (_slot, done) => {
      clock.setTimer(0, () => done('refused'))
    },
  })
  expect(failures['refused']).toBeGreaterThan(90)
  expect(failures['refused']).toBeLessThanOrEqual(100)
})

test('A wish to stop cuts the window where it is.', async () => {
  const clock = new VirtualClock()
  const stop = new StopSwitch()
  clock.setTimer(250, () => stop.stop())
  const { elapsedMs, answered } = await run(clock, { ask: server(clock, 10), stop })
  expect(elapsedMs).toBe(250)
  expect(answered).toBe(24)
  expect(stop.stopped).toBe(true)
})

test('Stopped before the begin, nothing is asked.', async () => {
  const clock = new VirtualClock()
  const stop = new StopSwitch()
  stop.stop()
  let asked = 0
  const { answered } = await run(clock, { stop, ask: () => void (asked += 1) })
  expect([asked, answered]).toEqual([0, 0])
})

test('Once all is answered nothing is waited for, so that the program can end.', async () => {
  const clock = new VirtualClock()
  const running = runLoad({ ...usual, clock, ask: server(clock, 10) })
  await clock.pass(2_000)
  await running
  expect(clock.pending).toBe(0)
})
