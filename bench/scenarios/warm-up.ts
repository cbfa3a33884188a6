// Load that a new cluster serves before anything is measured. A member on Node compiles its hot paths from
// what it has seen of them, over some ten thousand requests: a row of few requests a second would measure
// the compiler for most of its window, and a server that has run for a minute is what users have. Both sides
// are warmed alike, by the same work.

import { promised } from '../clients/driver.js'
import type { Context } from './scenario.js'
import { bytesOf, closeAll, connections, keyOf, prefixEnd, valueOf } from './workload.js'

const prefix = 'warm/'
const slots = 32
const valueBytes = 1_024

/** Puts, reads and watches over all members, for so many seconds. */
export async function warmUp(
  { cluster, clock, stop }: Pick<Context, 'cluster' | 'clock' | 'stop'>,
  seconds: number,
): Promise<void> {
  if (seconds === 0) return
  const drivers = await connections({ cluster }, 'native', slots)
  const value = valueOf(valueBytes)
  const endMs = clock.monotonicMs() + seconds * 1_000
  for (const driver of drivers.slice(0, cluster.size)) {
    driver.watch(bytesOf(prefix), prefixEnd(prefix), {
      onEvents: () => {},
      onReady: () => {},
      onEnd: () => {},
    })
  }
  try {
    await Promise.all(
      drivers.map(async (driver, at) => {
        const key = keyOf(prefix, at)
        const calls = [driver.put({ key, value }), driver.range({ key })]
        while (clock.monotonicMs() < endMs && !stop.stopped) {
          for (const call of calls) await promised(call)
        }
      }),
    )
  } finally {
    closeAll(drivers)
  }
}
