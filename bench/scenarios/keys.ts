// A store with many keys: the memory and the disk that it takes, and how long it takes to serve again when
// all members were killed at one moment.

import type { Driver } from '../clients/driver.js'
import { promised } from '../clients/driver.js'
import { costOf, Meter } from '../harness/processes.js'
import type { Cluster } from '../sides/cluster.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import { bytesOf, fill, notesOf, pause, ScenarioFailed } from './workload.js'

const valueBytesUsual = 1_024
const keysFull = 1_000_000
const keysQuick = 20_000
/** For collectors and writers behind to come to rest. */
const settleMs = 5_000
const settleQuickMs = 500
const startMsMax = 300_000
const askEveryMs = 20
const answerMsMax = 1_000
const put = { key: bytesOf('keys-end'), value: bytesOf('x') }

const mebibytes = (bytes: number): number => bytes / 2 ** 20

async function run(context: Context): Promise<Outcome> {
  const { cluster, settings, clock } = context
  const keys = settings.quick ? keysQuick : keysFull
  const meter = new Meter({ clock, pids: () => cluster.pids() })
  meter.start()
  const startMs = clock.monotonicMs()
  await fill(context, 'keys/', keys, settings.valueBytes ?? valueBytesUsual)
  const filledSeconds = (clock.monotonicMs() - startMs) / 1_000
  await pause(settings.quick ? settleQuickMs : settleMs)
  const resident = residentBytes(cluster)
  const disk = cluster.diskBytes()
  const startSeconds = (await restart(context)) / 1_000
  const metered = meter.stop()
  return {
    value: mebibytes(resident),
    also: { 'keys-disk': mebibytes(disk), 'keys-start': startSeconds },
    recorded: null,
    metered,
    walSyncs: null,
    notes: [
      ...notesOf(null, metered),
      `${keys} keys were put in ${filledSeconds.toFixed(1)} s, 100 a transaction`,
    ],
  }
}

const residentBytes = (cluster: Cluster): number =>
  cluster.pids().reduce((sum, pid) => sum + (costOf(pid)?.residentBytes ?? 0), 0)

/** Milliseconds from the start of all members to the first put that one of them acknowledged. */
async function restart({ cluster, clock, stop }: Context): Promise<number> {
  const all = Array.from({ length: cluster.size }, (_, at) => at)
  await Promise.all(all.map(at => cluster.kill(at)))
  const startMs = clock.monotonicMs()
  await Promise.all(all.map(at => cluster.start(at)))
  let answeredMs: number | null = null
  let refusal = 'nobody answered'
  const asking = all.map(async at => {
    while (answeredMs === null && !stop.stopped) {
      if (clock.monotonicMs() - startMs > startMsMax) return
      const driver = cluster.connect('grpc', at)
      const refused = await refusalOf(driver)
      if (refused === null) answeredMs ??= clock.monotonicMs()
      else refusal = refused
      driver.close()
      await pause(askEveryMs)
    }
  })
  await Promise.all(asking)
  if (answeredMs !== null) return answeredMs - startMs
  const what = `no write was acknowledged within ${startMsMax} ms of the start`
  throw new ScenarioFailed(`${what}; the last one: ${refusal}`)
}

/** Null when a put is acknowledged. */
async function refusalOf(driver: Driver): Promise<string | null> {
  const asked = promised(driver.put(put)).then(
    () => null,
    (error: unknown) => String(error),
  )
  return Promise.race([asked, pause(answerMsMax).then(() => `no answer in ${answerMsMax} ms`)])
}

export const keyScenarios: readonly Scenario[] = [
  {
    name: 'keys-memory',
    group: 'keys',
    unit: 'MiB',
    better: 'lower',
    summary: 'resident memory of all members with 1,000,000 keys',
    protocol: 'grpc',
    takes: new Set(['valueBytes']),
    repetitionsMax: 1,
    slow: true,
    also: [
      {
        name: 'keys-disk',
        unit: 'MiB',
        better: 'lower',
        summary: 'what their files take on the disk',
      },
      {
        name: 'keys-start',
        unit: 's',
        better: 'lower',
        summary: 'from the start of all members, killed before, to the next acknowledged write',
      },
    ],
    run,
  },
]
