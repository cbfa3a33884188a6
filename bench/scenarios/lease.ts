// Leases, as `benchmark lease-keepalive` of etcd's own tool.

import type { Context, Outcome, Scenario } from './scenario.js'
import { closeAll, connections, measureLoad, shared } from './workload.js'

const connectionsUsual = 10
const inFlight = 1_000
/** Longer than any run. */
const ttlSeconds = 7_200
/** Grants of a connection that are under way at a time. */
const grantsAtOnce = 100

async function run(context: Context, leasesInAll: number): Promise<Outcome> {
  const drivers = await connections(context, 'native', context.settings.clients ?? connectionsUsual)
  const each = Math.ceil(leasesInAll / drivers.length)
  const idOf = (at: number, number: number) => 1 + at * each + number
  try {
    await Promise.all(
      drivers.map(async (driver, at) => {
        for (let from = 0; from < each && !context.stop.stopped; from += grantsAtOnce) {
          const count = Math.min(grantsAtOnce, each - from)
          const ids = Array.from({ length: count }, (_, number) => idOf(at, from + number))
          await Promise.all(ids.map(id => driver.leaseGrant(id, ttlSeconds)))
        }
      }),
    )
    return await measureLoad(context, {
      drivers,
      inFlight: shared(inFlight, drivers),
      calls: (driver, at) =>
        Array.from({ length: each }, (_, number) => driver.keepAlive(idOf(at, number))),
    })
  } finally {
    closeAll(drivers)
  }
}

const common = {
  group: 'leases',
  unit: 'renewals/s',
  better: 'higher',
  protocol: 'native',
  takes: new Set(['clients', 'rate'] as const),
} as const

export const leases: readonly Scenario[] = [
  {
    ...common,
    name: 'lease-keepalive',
    summary: '1,000 leases, 10 connections, 1,000 renewals in flight',
    slow: true,
    run: context => run(context, 1_000),
  },
  {
    ...common,
    name: 'lease-100k',
    summary: 'the same with 100,000 leases, of a quick run 5,000',
    slow: true,
    repetitionsMax: 1,
    run: context => run(context, context.settings.quick ? 5_000 : 100_000),
  },
]
