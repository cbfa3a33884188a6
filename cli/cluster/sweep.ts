// Ends what a cluster left behind when its supervisor could not: by the recorded identities only,
// never by name, so that nobody else's process is touched.

import type { Clock } from '../../platform/clock.js'
import type { ProcessIdentity, Processes, Signal } from '../../platform/processes.js'
import type { Layout } from './layout.js'
import { componentRecords, removeRecord } from './process-files.js'

const pollMs = 50

export function isAlive(processes: Processes, identity: ProcessIdentity): boolean {
  return processes.identify(identity.pid)?.startTicks === identity.startTicks
}

/** False when it still lives after `withinMs`. */
export function waitUntilGone(
  processes: Processes,
  clock: Clock,
  identity: ProcessIdentity,
  withinMs: number,
): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + withinMs
  return new Promise(resolve => {
    const ticker = clock.setTicker(pollMs, () => {
      const alive = isAlive(processes, identity)
      if (alive && clock.monotonicMs() < deadlineMs) return
      ticker.cancel()
      resolve(!alive)
    })
  })
}

async function end(processes: Processes, clock: Clock, identity: ProcessIdentity): Promise<void> {
  const steps: readonly (readonly [Signal, number])[] = [
    ['SIGTERM', 10_000],
    ['SIGKILL', 5_000],
  ]
  for (const [signal, withinMs] of steps) {
    if (!processes.signal(identity, signal)) return
    if (await waitUntilGone(processes, clock, identity, withinMs)) return
  }
}

/** Ends every recorded component that still lives; returns how many there were. */
export async function sweep(layout: Layout, processes: Processes, clock: Clock): Promise<number> {
  const records = componentRecords(layout.run)
  const alive = records.filter(({ record }) => isAlive(processes, record))
  await Promise.all(alive.map(({ record }) => end(processes, clock, record)))
  for (const { path } of records) removeRecord(path)
  return alive.length
}
