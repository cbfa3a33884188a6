// What a cluster costs that has nothing to do.

import { Meter } from '../harness/processes.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import { fill } from './workload.js'

const valueBytes = 256

async function run(context: Context): Promise<Outcome> {
  const { cluster, settings, clock } = context
  await fill(context, 'idle/', settings.quick ? 1_000 : 10_000, valueBytes)
  await waited(context, settings.warmUpSeconds)
  const meter = new Meter({ clock, pids: () => cluster.pids() })
  meter.start()
  await waited(context, settings.seconds)
  const metered = meter.stop()
  return {
    value: (metered.cpuSeconds / (metered.elapsedMs / 1_000)) * 100,
    recorded: null,
    metered,
    walSyncs: null,
    notes: [],
  }
}

function waited({ clock, stop }: Context, seconds: number): Promise<void> {
  return new Promise(resolve => {
    let forget = () => {}
    const timer = clock.setTimer(seconds * 1_000, () => {
      forget()
      resolve()
    })
    forget = stop.onStop(() => {
      timer.cancel()
      resolve()
    })
  })
}

export const idles: readonly Scenario[] = [
  {
    name: 'idle',
    group: 'idles',
    unit: '% core',
    better: 'lower',
    summary: 'processor time of all members without any client',
    protocol: 'native',
    takes: new Set(),
    slow: true,
    run,
  },
]
