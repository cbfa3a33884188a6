// What puts suffer while the store is looked after: compaction of all that was overwritten, and then
// defragmentation of one member after the other. The window is open for as long as that takes, and puts
// are asked for at a fixed rate, so that one which waits for all of it counts for all that were due.

import { promised } from '../clients/driver.js'
import { runLoad } from '../harness/load.js'
import { StopSwitch } from '../harness/stop.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import {
  closeAll,
  connections,
  fill,
  keyOf,
  measured,
  ScenarioFailed,
  valueOf,
} from './workload.js'

const prefix = 'upkeep/'
const valueBytesUsual = 1_024
const connectionsUsual = 10
const rateUsual = 200
const upkeepMsMax = 300_000
const drainMsMax = 60_000

async function run(context: Context): Promise<Outcome> {
  const { settings, clock, stop } = context
  const valueBytes = settings.valueBytes ?? valueBytesUsual
  const keys = settings.quick ? 5_000 : 100_000
  // Twice, so that there is as much to give back as there is to keep.
  await fill(context, prefix, keys, valueBytes)
  await fill(context, prefix, keys, valueBytes)
  const drivers = await connections(context, 'native', settings.clients ?? connectionsUsual)
  const value = valueOf(valueBytes)
  const calls = drivers.map((driver, at) => driver.put({ key: keyOf(prefix, at), value }))
  const done = new StopSwitch()
  const forget = stop.onStop(() => done.stop())
  let upkeep: Promise<Upkeep | Error> = Promise.resolve(new Error('it never began'))
  try {
    const outcome = await measured(context, hooks =>
      runLoad({
        clock,
        slots: 10_000,
        rate: settings.rate ?? rateUsual,
        warmUpMs: settings.warmUpSeconds * 1_000,
        windowMs: upkeepMsMax,
        drainMsMax,
        stop: done,
        onOpen: () => {
          hooks.onOpen()
          upkeep = lookAfter(context)
            .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
            .finally(() => done.stop())
        },
        onClose: hooks.onClose,
        ask: (slot, answer) => calls[slot % calls.length]?.(answer),
      }),
    )
    const took = await upkeep
    if (took instanceof Error) throw new ScenarioFailed(`upkeep failed: ${took.message}`)
    const { compactMs, defragmentMs } = took
    const note = `compaction took ${Math.round(compactMs)} ms, defragmentation ${Math.round(defragmentMs)} ms`
    const p99 = outcome.recorded?.latencies.percentileMicros(0.99) ?? 0
    return { ...outcome, value: p99 / 1_000, notes: [...outcome.notes, note] }
  } finally {
    forget()
    closeAll(drivers)
  }
}

interface Upkeep {
  readonly compactMs: number
  readonly defragmentMs: number
}

async function lookAfter({ cluster, clock }: Context): Promise<Upkeep> {
  const startMs = clock.monotonicMs()
  const each = Array.from({ length: cluster.size }, (_, at) => cluster.connect('native', at))
  try {
    for (const driver of each) await promised(driver.range({ key: keyOf(prefix, 0) }))
    const [first] = each
    if (first === undefined) throw new ScenarioFailed('no member')
    await first.compact(await first.revision())
    const compactedMs = clock.monotonicMs()
    for (const driver of each) await driver.defragment()
    return {
      compactMs: compactedMs - startMs,
      defragmentMs: clock.monotonicMs() - compactedMs,
    }
  } finally {
    closeAll(each)
  }
}

export const upkeeps: readonly Scenario[] = [
  {
    name: 'upkeep-put',
    group: 'upkeep',
    unit: 'ms',
    better: 'lower',
    summary: 'p99 of puts while compaction and defragmentation run, 200 puts a second',
    protocol: 'native',
    takes: new Set(['clients', 'valueBytes', 'rate']),
    repetitionsMax: 1,
    run,
  },
]
