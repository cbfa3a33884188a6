// Watches, as `benchmark watch`, `watch-latency` and `watch-get` of etcd's own tool: one writer, and many
// that are told. Latency runs from when a put was due to when its event is with a watcher, for every watcher.

import type { Driver } from '../clients/driver.js'
import { promised } from '../clients/driver.js'
import { runLoad } from '../harness/load.js'
import type { Done } from '../harness/load.js'
import { Recorder } from '../harness/recorder.js'
import type { Recorded } from '../harness/recorder.js'
import { StopSwitch } from '../harness/stop.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import {
  bytesOf,
  closeAll,
  connections,
  measured,
  measureLoad,
  prefixEnd,
  ScenarioFailed,
  shared,
} from './workload.js'

const prefix = 'watch/'
const key = bytesOf(`${prefix}key`)
const first = bytesOf(prefix)
const end = prefixEnd(prefix)
const valueBytesUsual = 256
/** Number of the put, at the begin of its value. */
const numberBytes = 6
const drainMsMax = 30_000
const openLoopSlots = 10_000
const watchersOfGets = 1_000
const putsBesideGets = 50
const getsInFlight = 100

interface Shape {
  readonly watchers: number
  readonly connectionsMax: number
  /** Puts that some watcher has not been told of yet; of an open loop there may be more. */
  readonly undelivered: number
  readonly rate: number | null
}

interface Event {
  readonly dueMs: number
  readonly done: Done
  left: number
}

/** Hands numbered puts out and takes their events in. */
class Deliveries {
  readonly #recorder: Recorder
  readonly #watchers: number
  readonly #now: () => number
  readonly #underWay = new Map<number, Event>()
  #puts = 0
  /** Why a watch ended: none should. */
  ended: string | null = null

  constructor(recorder: Recorder, watchers: number, now: () => number) {
    this.#recorder = recorder
    this.#watchers = watchers
    this.#now = now
  }

  /** The number that the put carries. */
  put(dueMs: number, done: Done): number {
    this.#puts += 1
    this.#underWay.set(this.#puts, { dueMs, done, left: this.#watchers })
    return this.#puts
  }

  failed(number: number, failure: string): void {
    const event = this.#underWay.get(number)
    this.#underWay.delete(number)
    event?.done(failure)
  }

  told(values: readonly Uint8Array[]): void {
    const nowMs = this.#now()
    for (const value of values) {
      const number = numberIn(value)
      const event = this.#underWay.get(number)
      if (event === undefined) continue
      this.#recorder.answered(event.dueMs, nowMs)
      event.left -= 1
      if (event.left > 0) continue
      this.#underWay.delete(number)
      event.done(null)
    }
  }
}

/** Read for every event that any watcher is told of: nothing is made for it. */
function numberIn(value: Uint8Array): number {
  if (value.length < numberBytes) return 0
  let number = 0
  for (let at = 0; at < numberBytes; at += 1) number = number * 256 + (value[at] as number)
  return number
}

async function run(shape: Shape, context: Context): Promise<Outcome> {
  const { settings, clock, stop } = context
  const watchers = settings.clients ?? shape.watchers
  const drivers = await connections(context, 'native', Math.min(watchers, shape.connectionsMax))
  const [writer] = await connections(context, 'native', 1)
  if (writer === undefined) throw new ScenarioFailed('no writer')
  const recorder = new Recorder()
  const deliveries = new Deliveries(recorder, watchers, () => clock.monotonicMs())
  const rate = settings.rate ?? shape.rate
  try {
    await watching(drivers, watchers, deliveries)
    const outcome = await measured(context, hooks =>
      runLoad({
        clock,
        slots: rate === null ? shape.undelivered : openLoopSlots,
        ...(rate === null ? {} : { rate }),
        warmUpMs: settings.warmUpSeconds * 1_000,
        windowMs: settings.seconds * 1_000,
        drainMsMax,
        stop,
        onOpen: () => {
          recorder.open(clock.monotonicMs())
          hooks.onOpen()
        },
        onClose: () => {
          recorder.close(clock.monotonicMs())
          hooks.onClose()
        },
        ask: (_slot, done, dueMs) => {
          const number = deliveries.put(dueMs, done)
          const value = valueWith(number, settings.valueBytes ?? valueBytesUsual)
          writer.put({ key, value })(failure => {
            if (failure !== null) deliveries.failed(number, failure)
          })
        },
      }).then(load => deliveredOf(recorder.recorded(), load)),
    )
    if (deliveries.ended !== null) throw new ScenarioFailed(`a watch ended: ${deliveries.ended}`)
    return outcome
  } finally {
    closeAll([...drivers, writer])
  }
}

/** Deliveries, with what became of the puts: one that not all were told of is a failure. */
const deliveredOf = (deliveries: Recorded, { failures, failed }: Recorded): Recorded => ({
  ...deliveries,
  failures,
  failed,
})

function watching(
  drivers: readonly Driver[],
  watchers: number,
  deliveries: Deliveries,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let ready = 0
    for (let number = 0; number < watchers; number += 1) {
      drivers[number % drivers.length]?.watch(first, end, {
        onEvents: values => deliveries.told(values),
        onReady: () => {
          ready += 1
          if (ready === watchers) resolve()
        },
        onEnd: reason => {
          deliveries.ended = reason
          reject(new ScenarioFailed(`a watch ended: ${reason}`))
        },
      })
    }
  })
}

function valueWith(number: number, bytes: number): Uint8Array {
  const value = Buffer.alloc(Math.max(numberBytes, bytes), 'v')
  value.writeUIntBE(number, 0, numberBytes)
  return value
}

/** Reads while watchers are told of puts: what a read suffers from them. */
async function runGets(context: Context): Promise<Outcome> {
  const { settings, clock, stop } = context
  const watchers = await connections(context, 'native', 10)
  const drivers = await connections(context, 'native', settings.clients ?? 10)
  const [writer] = await connections(context, 'native', 1)
  if (writer === undefined) throw new ScenarioFailed('no writer')
  // Nobody asks how fast they are told.
  const deliveries = new Deliveries(new Recorder(), watchersOfGets, () => clock.monotonicMs())
  const over = new StopSwitch()
  const forget = stop.onStop(() => over.stop())
  const secondsInAll = settings.warmUpSeconds + settings.seconds
  try {
    await watching(watchers, watchersOfGets, deliveries)
    const value = valueWith(0, settings.valueBytes ?? valueBytesUsual)
    const put = writer.put({ key, value })
    await promised(put)
    const writing = runLoad({
      clock,
      slots: openLoopSlots,
      rate: putsBesideGets,
      warmUpMs: 0,
      // Until the reads are over.
      windowMs: 2 * secondsInAll * 1_000 + drainMsMax,
      drainMsMax,
      stop: over,
      ask: (_slot, done) => put(done),
    })
    const outcome = await measureLoad(context, {
      drivers,
      inFlight: shared(getsInFlight, drivers),
      calls: driver => [driver.range({ key })],
    })
    over.stop()
    const { answered, failed } = await writing
    if (deliveries.ended !== null) throw new ScenarioFailed(`a watch ended: ${deliveries.ended}`)
    const note = `${answered} puts beside, ${failed} failed`
    return { ...outcome, notes: [...outcome.notes, note] }
  } finally {
    over.stop()
    forget()
    closeAll([...watchers, ...drivers, writer])
  }
}

const common = {
  group: 'watches',
  protocol: 'native',
  takes: new Set(['clients', 'valueBytes', 'rate'] as const),
} as const

export const watches: readonly Scenario[] = [
  {
    ...common,
    name: 'watch',
    unit: 'events/s',
    better: 'higher',
    summary: '1 writer, 1,000 watchers over 10 connections, 10 events under way',
    run: context =>
      run({ watchers: 1_000, connectionsMax: 10, undelivered: 10, rate: null }, context),
  },
  {
    ...common,
    name: 'watch-latency',
    unit: 'ms',
    better: 'lower',
    summary: 'from a put to its event, median; 10 watchers, 100 puts a second',
    async run(context) {
      const shape = { watchers: 10, connectionsMax: 10, undelivered: 1, rate: 100 }
      const outcome = await run(shape, context)
      const { recorded } = outcome
      return { ...outcome, value: (recorded?.latencies.percentileMicros(0.5) ?? 0) / 1_000 }
    },
  },
  {
    ...common,
    name: 'watch-get',
    unit: 'reads/s',
    better: 'higher',
    summary: 'one key read, 100 in flight, while 1,000 watchers are told of 50 puts a second',
    slow: true,
    run: runGets,
  },
]
