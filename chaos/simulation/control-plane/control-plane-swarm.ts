// What one seed of the scenario `control-plane` is about. Masters and nodes live for minutes where members of a
// store live for seconds, so faults are rarer; what Raft and the store are tried with in their own scenarios
// (tiny segments, messages of a few bytes) is left to those. A seed is small, and another one is quite another:
// few kinds of workload, few nodes, one master or some.

import type { Random } from '../../../platform/random.js'
import type { Streams } from '../streams.js'
import { between, chance, pick, wholeBetween } from '../streams.js'
import type { FaultKind, SwarmOptions, SwarmOverrides } from '../swarm.js'
import { drawSwarm } from '../swarm.js'
import type { Habit } from './habits.js'
import { pastimes, workloads } from './habits.js'

/** How much rarer faults are than those of a store. */
const stretch = 3
/** Kinds that act only where somebody is about to write: rare ones would never meet it. */
const unstretched: ReadonlySet<FaultKind> = new Set(['wall-jump'])
/** Nodes are given up after half a minute, one after the other: how long such a seed is broken. */
const nodesLostMs = 60_000
const nodePowerCutMs = 8_000

export function drawControlPlaneSwarm(streams: Streams, overrides: SwarmOverrides): SwarmOptions {
  const of = (name: string) => streams.of(`options/control-plane/${name}`)
  const usual = drawSwarm(streams, overrides)
  const faults = new Map(
    [...usual.faults].map(([kind, meanMs]) => [
      kind,
      unstretched.has(kind) ? meanMs : meanMs * stretch,
    ]),
  )
  const trusted = chance(of('lease'), 0.25)
  const losesNodes = chance(of('losesNodes'), 0.2)
  // The first one soon: what follows takes its time.
  if (losesNodes && overrides.withoutFaults?.includes('node-power-cut') !== true)
    faults.set('node-power-cut', nodePowerCutMs)
  // Leases of the API trust clocks as leases of the store do: who leads counts ten seconds, the others fifteen.
  if (!trusted) faults.delete('clock-skew')
  const slow = chance(of('delay'), 0.2)
  const delayMsMin = between(of('delay'), 0.05, slow ? 5 : 0.5)
  const syncMsMin = between(of('sync'), 0.05, 1)
  const untilMs = wholeBetween(of('until'), 15_000, 45_000)
  const members = overrides.members ?? membersOf(of('members'))
  return {
    ...usual,
    members,
    tickMs: 250,
    electionTicks: wholeBetween(of('election'), 5, 8),
    segmentBytes: 256 * 1024,
    entriesKept: pick(of('kept'), [10, 100, 500]),
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
    diskLooksApart: 48,
    untilMs: overrides.untilMs ?? (losesNodes ? nodesLostMs : untilMs),
    faults,
    controlPlane: drawShape(of, members, losesNodes),
  }
}

/** Most of what goes wrong above the store does so with one member as well, and a seed of three costs twice as much. */
function membersOf(random: Random): number {
  if (chance(random, 0.55)) return 1
  return chance(random, 0.1) ? 5 : 3
}

/** What stands on the store. */
export interface ControlPlaneShape {
  /** The store holds what clusters have after their first minute; false: nothing. */
  readonly born: boolean
  /** API servers, and as many processes with controllers and scheduler: no more than members. */
  readonly masters: number
  readonly nodes: number
  readonly users: number
  /** What the users do. */
  readonly habits: readonly Habit[]
  /** Pods ask for much of a node: there is hardly room for all. */
  readonly crowded: boolean
  /** Of controllers and scheduler. */
  readonly writesEvents: boolean
  /** Of leader election; two seconds as a rule, which is half of what an idle cluster writes. */
  readonly retryPeriodMs: number
  /** How long people use the cluster in which nothing goes wrong any more. */
  readonly calmMs: number
}

function drawShape(
  of: (name: string) => Random,
  members: number,
  losesNodes: boolean,
): ControlPlaneShape {
  const few = pick(of('nodes'), [2, 2, 2, 3, 3, 4])
  const work = some(of('habits'), workloads, pick(of('habits'), [1, 1, 2]))
  const beside = pastimes.filter(pastime => chance(of(`habits/${pastime}`), 0.35))
  // Budgets bind those who drain, and are held for what goes on running.
  const bound =
    beside.includes('drains') && !work.includes('deployments') ? (['deployments'] as const) : []
  const habits: readonly Habit[] = [...work, ...bound, ...beside]
  return {
    born: chance(of('born'), 0.9),
    masters: Math.min(members, pick(of('masters'), [2, 2, 2, 3])),
    // Where more than half of the nodes are silent nobody is given up: a few must be able to fall.
    nodes: losesNodes ? wholeBetween(of('nodes'), 4, 6) : few,
    users: pick(of('users'), [1, 2, 2]),
    habits,
    crowded: chance(of('crowded'), 0.4),
    writesEvents: chance(of('events'), 0.25),
    retryPeriodMs: pick(of('retry'), [2_000, 4_000, 4_000]),
    calmMs: wholeBetween(of('calm'), 15_000, 30_000) + (habits.includes('drains') ? 20_000 : 0),
  }
}

/** So many of them, each once. */
function some<T>(random: Random, from: readonly T[], count: number): readonly T[] {
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)).flat()
}
