// What is done to the processes of a cluster: `kill-all` ends every member at one moment, as a rack that
// loses its processes does, and starts them again; now and then it strikes while they are still starting.

import type { Random } from '../../platform/random.js'
import type { StoreProcesses } from '../../store/server/testing/store-processes.js'
import { memberIds, pause } from '../../store/server/testing/store-processes.js'

export const nemeses = ['none', 'kill-all'] as const
export type NemesisName = (typeof nemeses)[number]

/** SIGKILL to all, without waiting for one before the next; then all are started, in any order. */
export async function killAll(cluster: StoreProcesses, random: Random): Promise<void> {
  await Promise.all(memberIds.map(id => cluster.kill(id)))
  await pause(random.integer(200))
  await startAll(cluster, random)
  // Nothing that is half recovered may be worse than what was not recovered at all.
  if (random.next() < 0.2) {
    await pause(random.integer(1500))
    await Promise.all(memberIds.map(id => cluster.kill(id)))
    await startAll(cluster, random)
  }
}

async function startAll(cluster: StoreProcesses, random: Random): Promise<void> {
  const order = memberIds.toSorted(() => random.next() - 0.5)
  for (const id of order) {
    cluster.startMember(id)
    await pause(random.integer(150))
  }
}
