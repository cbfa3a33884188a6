// What one seed draws for the store, beside what every scenario draws: how soon state is written and made
// durable, how much of the history watches find in memory, how long leases live, what clients do.

import type { AutoCompaction } from '../../../store/server/options.js'
import type { StoreCoreConfig } from '../../../store/core/store-core-config.js'
import type { Random } from '../../../platform/random.js'
import { between, chance, pick, wholeBetween } from '../streams.js'
import type { SwarmOptions } from '../swarm.js'

export const habits = [
  'registers',
  'keys',
  'lists',
  'ranges',
  'leases',
  'watches',
  'compactions',
  'crowd',
] as const

/** Something that clients do. */
export type Habit = (typeof habits)[number]

/** The few clients of a seed have no more than this under way, about. */
const askedBytesMax = 6_000
const patienceMsMax = 10_000

export interface StoreSwarm {
  readonly core: Partial<StoreCoreConfig>
  readonly compactionSliceKeys: number
  readonly autoCompaction: AutoCompaction
  readonly watchProgressMs: number
  readonly requestTimeoutMs: number
  readonly leaseCheckpointMs: number
  readonly clientTimeoutMs: number
  readonly watchCreditBytes: number
  /** Keys of each kind. */
  readonly keys: number
  readonly valueBytesMax: number
  readonly ttlSecondsMax: number
  readonly habits: ReadonlySet<Habit>
}

/** What each client does in how many of the seeds. */
const habitShare: Record<Habit, number> = {
  registers: 0.9,
  keys: 0.8,
  lists: 0.5,
  ranges: 0.7,
  leases: 0.7,
  watches: 0.85,
  compactions: 0.6,
  crowd: 0.15,
}

export function drawStoreSwarm(
  randomOf: (name: string) => Random,
  swarm: SwarmOptions,
): StoreSwarm {
  const of = (name: string) => randomOf(`options/store/${name}`)
  const electionMs = swarm.tickMs * swarm.electionTicks
  const patienceMsMin = patienceOf(swarm)
  const leaseCheckpointMs = pick(of('checkpoint'), [500, 1000, 3000, 60_000])
  const retain = wholeBetween(of('compaction'), 0, 200)
  const everyMs = between(of('compaction'), 500, 5000)
  const retainMs = between(of('compaction'), 1000, 10_000)
  return {
    core: {
      cacheBytesMax: pick(of('cache'), [0, 2000, 128 * 1024 * 1024]),
      flushRows: pick(of('flush'), [1, 10, 5000]),
      checkpointBytes: pick(of('flush'), [1000, 16 * 1024 * 1024]),
      pendingBytesMax: pick(of('pending'), [20_000, 256 * 1024 * 1024]),
      sliceWorkMax: pick(of('work'), [1, 10, 4_000]),
      watch: {
        logEventsMax: pick(of('watch'), [4, 20, 100, 200_000]),
        logBytesMax: pick(of('watch'), [2000, 64 * 1024 * 1024]),
        historyRowsMax: pick(of('watch'), [3, 20, 2000]),
      },
      leases: { checkpointIntervalMs: leaseCheckpointMs },
      // Members must agree on them, so they are the same on all.
      sessions: {
        sessionsMax: pick(of('sessions'), [4, 12, 4096, 4096]),
        answerBytesMax: pick(of('sessions'), [64, 200, 4096]),
        numbersMax: pick(of('sessions'), [2, 20, 4096]),
      },
    },
    compactionSliceKeys: pick(of('slice'), [1, 3, 1000]),
    autoCompaction: pick<AutoCompaction>(of('compaction'), [
      { mode: 'off' },
      { mode: 'off' },
      { mode: 'revision', retain, everyMs },
      { mode: 'periodic', retainMs },
    ]),
    watchProgressMs: between(of('progress'), 100, 5000),
    requestTimeoutMs: Math.max(
      between(of('timeout'), 2 * electionMs, 5000 + 2 * electionMs),
      patienceMsMin,
    ),
    leaseCheckpointMs,
    clientTimeoutMs: Math.max(between(of('timeout'), 200, 10_000), patienceMsMin),
    watchCreditBytes: pick(of('credit'), [200, 2000, 4 * 1024 * 1024]),
    keys: wholeBetween(of('keys'), 2, 12),
    valueBytesMax: pick(of('value'), [16, 100, 1000]),
    ttlSecondsMax: pick(of('ttl'), [1, 3, 8]),
    habits: new Set(habits.filter(habit => chance(of(`habit/${habit}`), habitShare[habit]))),
  }
}

/**
 * Who is less patient than a request takes is never told of anything, and asks again and again: on the way
 * there and back, and behind all that may wait in the leader's log, a message of it at a time.
 */
function patienceOf(swarm: SwarmOptions): number {
  const roundTripMs = 2 * swarm.pace.delayMsMax + 2 * swarm.syncMsMax
  const messageBytes = swarm.entriesBytesMaxPerMessage * swarm.inflightMessagesMax
  const roundTrips = 4 + Math.min(swarm.uncommittedBytesMax, askedBytesMax) / messageBytes
  return Math.min(roundTripMs * roundTrips, patienceMsMax)
}
