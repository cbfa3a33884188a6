// What one seed of the scenario `control-plane` is about. Masters and nodes live for minutes where members of a
// store live for seconds, so faults are rarer; what Raft and the store are tried with in their own scenarios
// (tiny segments, messages of a few bytes) is left to those.

import type { Streams } from '../streams.js'
import { between, chance, pick, wholeBetween } from '../streams.js'
import type { SwarmOptions, SwarmOverrides } from '../swarm.js'
import { drawSwarm } from '../swarm.js'

/** How much longer the first phase is than that of a store. */
const stretch = 5

export function drawControlPlaneSwarm(streams: Streams, overrides: SwarmOverrides): SwarmOptions {
  const of = (name: string) => streams.of(`options/control-plane/${name}`)
  const usual = drawSwarm(streams, overrides)
  const faults = new Map([...usual.faults].map(([kind, meanMs]) => [kind, meanMs * stretch]))
  const trusted = chance(of('lease'), 0.25)
  // Leases of the API trust clocks as leases of the store do: who leads counts ten seconds, the others fifteen.
  if (!trusted) faults.delete('clock-skew')
  const slow = chance(of('delay'), 0.2)
  const delayMsMin = between(of('delay'), 0.05, slow ? 5 : 0.5)
  const syncMsMin = between(of('sync'), 0.05, 1)
  return {
    ...usual,
    members: overrides.members ?? pick(of('members'), [3, 3, 3, 3, 1, 5]),
    tickMs: 200,
    electionTicks: wholeBetween(of('election'), 5, 8),
    segmentBytes: 1024 * 1024,
    entriesKept: pick(of('kept'), [100, 500, 2000]),
    entriesBytesMaxPerMessage: 1024 * 1024,
    inflightMessagesMax: 256,
    inflightBytesMax: 32 * 1024 * 1024,
    uncommittedBytesMax: 128 * 1024 * 1024,
    cachedBytesMax: 32 * 1024 * 1024,
    leaseDriftTicks: trusted ? 2 : null,
    pace: {
      delayMsMin,
      delayMsMax: delayMsMin + between(of('delay'), 0.1, slow ? 40 : 3),
      bytesPerMs: 200_000,
    },
    syncMsMin,
    syncMsMax: syncMsMin + between(of('sync'), 0, pick(of('sync'), [1, 5, 20])),
    flushMs: between(of('flush'), 100, 2000),
    snapshotPaddingBytes: 0,
    diskLooksApart: 24,
    untilMs: overrides.untilMs ?? wholeBetween(of('until'), 30_000, 90_000),
    faults,
  }
}
