// What one seed is about: sizes, limits, paces and the kinds of faults, each drawn from a stream of
// its own name. Counterpart: swarm testing (Groce and others, 2012): seeds that leave features out
// reach states that seeds with everything never see.

import type { ControlPlaneShape } from './control-plane/control-plane-swarm.js'
import type { Streams } from './streams.js'
import { between, chance, pick, wholeBetween } from './streams.js'
import type { WayPace } from './way.js'

export const faultKinds = [
  'reset',
  'hang',
  'clog',
  'one-way-cut',
  'partition',
  'refusal',
  'disk-stall',
  'disk-full',
  'sync-error',
  'bit-rot',
  'misdirected-write',
  'kill',
  'power-cut',
  'restart',
  'pause',
  'clock-skew',
  'wall-jump',
  'transfer',
  'grow',
  'promote',
  'replace',
  'remove',
  'swap',
  'rush',
  'membership-split',
  'siege',
  'crash-in-restore',
  'client-cut',
  'apiserver-kill',
  'controllers-kill',
  'controllers-pause',
  'kubelet-kill',
  'node-power-cut',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** Those that change who is a member; a seed has some of them or none. */
export const membershipKinds: ReadonlySet<FaultKind> = new Set([
  'grow',
  'promote',
  'replace',
  'remove',
  'swap',
  'rush',
  'membership-split',
])

/** Those of what stands on the store; they mean nothing elsewhere. */
export const controlPlaneKinds: ReadonlySet<FaultKind> = new Set([
  'apiserver-kill',
  'controllers-kill',
  'controllers-pause',
  'kubelet-kill',
  'node-power-cut',
])

export const isFaultKind = (name: string): name is FaultKind =>
  (faultKinds as readonly string[]).includes(name)

export interface SwarmOptions {
  readonly members: number
  readonly tickMs: number
  readonly electionTicks: number
  readonly segmentBytes: number
  readonly entriesKept: number
  readonly entriesBytesMaxPerMessage: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  readonly uncommittedBytesMax: number
  readonly cachedBytesMax: number
  /** Reads by lease, where clocks keep within the drift; null: off. */
  readonly leaseDriftTicks: number | null
  readonly pace: WayPace
  readonly syncMsMin: number
  readonly syncMsMax: number
  readonly flushMs: number
  readonly snapshotPaddingBytes: number
  readonly clients: number
  readonly thinkMsMax: number
  readonly payloadBytesMax: number
  readonly readShare: number
  /** How much rarer the looks into whole disks are than where logs are short. */
  readonly diskLooksApart: number
  /** End of the phase in which anything may fail. */
  readonly untilMs: number
  /** Kinds that this seed has, with the mean time between two of them. */
  readonly faults: ReadonlyMap<FaultKind, number>
  /** Of the scenario `control-plane` alone. */
  readonly controlPlane?: ControlPlaneShape
}

export interface SwarmOverrides {
  readonly members?: number
  readonly untilMs?: number
  readonly withoutFaults?: readonly FaultKind[]
}

/** Mean time between two faults of a kind, when a seed has it: from and to, in milliseconds. */
const faultPace: Record<FaultKind, readonly [number, number]> = {
  reset: [400, 8000],
  hang: [2000, 15_000],
  clog: [500, 8000],
  'one-way-cut': [2000, 12_000],
  partition: [2000, 15_000],
  refusal: [1500, 12_000],
  'disk-stall': [1000, 10_000],
  'disk-full': [5000, 20_000],
  'sync-error': [5000, 20_000],
  'bit-rot': [4000, 15_000],
  'misdirected-write': [4000, 15_000],
  kill: [1500, 15_000],
  'power-cut': [1500, 15_000],
  restart: [3000, 15_000],
  pause: [1500, 12_000],
  'clock-skew': [1000, 1000],
  'wall-jump': [3000, 15_000],
  transfer: [1500, 10_000],
  siege: [1000, 10_000],
  'crash-in-restore': [1000, 1000],
  'client-cut': [500, 8000],
  grow: [3000, 20_000],
  promote: [1000, 10_000],
  replace: [4000, 20_000],
  remove: [4000, 20_000],
  swap: [4000, 20_000],
  rush: [1500, 10_000],
  'membership-split': [500, 6000],
  'apiserver-kill': [4000, 20_000],
  'controllers-kill': [4000, 20_000],
  'controllers-pause': [4000, 20_000],
  'kubelet-kill': [4000, 20_000],
  'node-power-cut': [3000, 12_000],
}

export function drawSwarm(streams: Streams, overrides: SwarmOverrides): SwarmOptions {
  const of = (name: string) => streams.of(`options/${name}`)
  const left = new Set(overrides.withoutFaults ?? [])
  const faults = new Map<FaultKind, number>()
  // Calm seeds get far, stormy ones get into corners.
  const density = pick(of('density'), [0.15, 0.3, 0.5, 0.75])
  const movesMembers = chance(of('membership'), 0.5)
  for (const kind of faultKinds) {
    const random = of(`fault/${kind}`)
    const has = chance(random, density)
    const [min, max] = faultPace[kind]
    const meanMs = between(random, min, max)
    if (membershipKinds.has(kind) && !movesMembers) continue
    if (has && !left.has(kind)) faults.set(kind, meanMs)
  }
  const fast = chance(of('delay'), 0.5)
  const delayMsMin = between(of('delay'), 0.05, fast ? 0.5 : 10)
  const delayMsMax = delayMsMin + between(of('delay'), 0.1, fast ? 2 : 90)
  const syncMsMin = between(of('sync'), 0.05, 2)
  const syncMsMax = syncMsMin + between(of('sync'), 0, pick(of('sync'), [1, 10, 40]))
  const electionTicks = wholeBetween(of('election'), 5, 12)
  // An election must have time for its round trips and disk writes, or none ever ends (5.6).
  const tickMsMin = Math.ceil((4 * delayMsMax + 4 * syncMsMax) / electionTicks)
  const tickMs = Math.max(tickMsMin, pick(of('tick'), [10, 20, 50, 100]))
  const clients = wholeBetween(of('clients'), 1, 6)
  const untilMs = overrides.untilMs ?? wholeBetween(of('until'), 15_000, 40_000)
  const entriesBytesMaxPerMessage = pick(of('message'), [64, 1000, 10_000, 1_048_576])
  const inflightMessagesMax = pick(of('inflight'), [1, 2, 8, 256])
  const uncommittedBytesMax = pick(of('uncommitted'), [2000, 50_000, 134_217_728])
  // An entry a round trip: what a leader takes ahead must not keep a healed cluster busy for minutes.
  const crawls = !fast && entriesBytesMaxPerMessage < 1000 && inflightMessagesMax < 8
  return {
    members: overrides.members ?? pick(of('members'), [3, 3, 3, 3, 3, 5, 5, 1, 2, 4]),
    tickMs,
    electionTicks,
    segmentBytes: pick(of('segment'), [4096, 8192, 16_384, 65_536]),
    entriesKept: pick(of('kept'), [0, 4, 20, 100, 1000]),
    entriesBytesMaxPerMessage,
    inflightMessagesMax,
    inflightBytesMax: pick(of('inflight'), [1000, 20_000, 33_554_432]),
    uncommittedBytesMax: crawls ? Math.min(2000, uncommittedBytesMax) : uncommittedBytesMax,
    cachedBytesMax: pick(of('cached'), [0, 2000, 30_000, 33_554_432]),
    leaseDriftTicks: chance(of('lease'), 0.2)
      ? wholeBetween(of('lease'), 2, electionTicks - 2)
      : null,
    pace: {
      delayMsMin,
      delayMsMax,
      bytesPerMs: pick(of('bandwidth'), [2000, 20_000, 200_000]),
    },
    syncMsMin,
    syncMsMax,
    flushMs: between(of('flush'), 5, 2000),
    snapshotPaddingBytes: pick(of('padding'), [0, 0, 1000, 70_000, 700_000]),
    clients,
    // About three thousand operations at most: more of the same finds nothing more.
    thinkMsMax: Math.max(clients * 10, between(of('think'), 2, 400)),
    payloadBytesMax: pick(of('payload'), [16, 200, 2000]),
    readShare: between(of('reads'), 0.05, 0.6),
    diskLooksApart: 1,
    untilMs,
    faults,
  }
}
