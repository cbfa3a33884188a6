// Leases, as `benchmark lease-keepalive` of etcd's own tool.

import type { Context, Outcome, Scenario } from './scenario.js'
import { closeAll, connections, measureLoad, shared } from './workload.js'

const connectionsUsual = 10
const inFlight = 1_000
const leasesEach = 100
/** Longer than any run. */
const ttlSeconds = 7_200

async function run(context: Context): Promise<Outcome> {
  const drivers = await connections(context, 'native', context.settings.clients ?? connectionsUsual)
  const idOf = (at: number, number: number) => 1 + at * leasesEach + number
  try {
    for (const [at, driver] of drivers.entries()) {
      const ids = Array.from({ length: leasesEach }, (_, number) => idOf(at, number))
      await Promise.all(ids.map(id => driver.leaseGrant(id, ttlSeconds)))
    }
    return await measureLoad(context, {
      drivers,
      inFlight: shared(inFlight, drivers),
      calls: (driver, at) =>
        Array.from({ length: leasesEach }, (_, number) => driver.keepAlive(idOf(at, number))),
    })
  } finally {
    closeAll(drivers)
  }
}

export const leases: readonly Scenario[] = [
  {
    name: 'lease-keepalive',
    group: 'leases',
    unit: 'renewals/s',
    better: 'higher',
    summary: '1,000 leases, 10 connections, 1,000 renewals in flight',
    protocol: 'native',
    takes: new Set(['clients', 'rate']),
    run,
  },
]
