// The leader is killed: how long until a write is acknowledged again. Every survivor is asked every few
// milliseconds over connections that stand already, so that what is measured is the cluster and not how a
// client finds its way. Both sides keep their own timeouts, which are the same: heartbeats every 100 ms, an
// election after one to two seconds without any. Ours does not wait for it here, for the dead leader's machine
// refuses connections; what a leader takes that falls silent is not measured by this.

import type { Driver } from '../clients/driver.js'
import { promised } from '../clients/driver.js'
import { Histogram } from '../harness/histogram.js'
import { Meter } from '../harness/processes.js'
import { spreadOf } from '../harness/statistics.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import { bytesOf, closeAll, notesOf, ScenarioFailed } from './workload.js'

const askEveryMs = 10
const recoveryMsMax = 60_000
const put = { key: bytesOf('recovery'), value: bytesOf('x') }

async function run(context: Context): Promise<Outcome> {
  const { cluster, settings, clock, stop } = context
  if (cluster.size < 3) {
    throw new ScenarioFailed('fewer than three members have no majority without their leader')
  }
  const rounds = settings.quick ? 1 : 3
  const meter = new Meter({ clock, pids: () => cluster.pids() })
  const latencies = new Histogram()
  const gaps: number[] = []
  meter.start()
  for (let round = 0; round < rounds && !stop.stopped; round += 1) {
    const gapMs = await strike(context)
    latencies.record(gapMs * 1_000)
    gaps.push(gapMs / 1_000)
  }
  const metered = meter.stop()
  const recorded = {
    latencies,
    answered: gaps.length,
    perSecond: [],
    failures: {},
    failed: 0,
    elapsedMs: metered.elapsedMs,
  }
  return {
    value: spreadOf(gaps).median,
    recorded,
    metered,
    walSyncs: null,
    notes: notesOf(null, metered),
  }
}

/** Milliseconds from the kill to the first answer. Leaves the cluster whole again. */
async function strike({ cluster, clock }: Context): Promise<number> {
  const leader = await cluster.leader()
  const survivors = Array.from({ length: cluster.size }, (_, at) => at)
    .filter(at => at !== leader)
    .map(at => cluster.connect('grpc', at))
  try {
    for (const driver of survivors) await promised(driver.put(put))
    const killedMs = clock.monotonicMs()
    await cluster.kill(leader)
    const answeredMs = await firstAnswer(survivors, () => clock.monotonicMs())
    await cluster.start(leader)
    await cluster.serving()
    return answeredMs - killedMs
  } finally {
    closeAll(survivors)
  }
}

/** When any of them acknowledged a put that was sent from now on. */
function firstAnswer(survivors: readonly Driver[], nowMs: () => number): Promise<number> {
  return new Promise((resolve, reject) => {
    const endMs = nowMs() + recoveryMsMax
    const calls = survivors.map(driver => driver.put(put))
    const asking = setInterval(() => {
      if (nowMs() > endMs) {
        clearInterval(asking)
        reject(new ScenarioFailed(`no write was acknowledged within ${recoveryMsMax} ms`))
        return
      }
      // Those that hang are not waited for: they may have gone to the dead.
      for (const call of calls) {
        call(failure => {
          if (failure !== null) return
          clearInterval(asking)
          resolve(nowMs())
        })
      }
    }, askEveryMs)
  })
}

export const recoveries: readonly Scenario[] = [
  {
    name: 'recovery',
    group: 'recoveries',
    unit: 's',
    better: 'lower',
    summary: 'from SIGKILL of the leader to the next acknowledged write',
    protocol: 'grpc',
    takes: new Set(),
    run,
  },
]
