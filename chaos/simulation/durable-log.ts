// What a member's log amounts to if its power were cut now and nothing unsynced survived: its synced
// files, opened by the shipping log on a disk of their own.

import { silentLogger } from '../../platform/logger.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { MemoryDisk } from '../../platform/testing/memory-disk.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { HardState, Term } from '../../raft/core/types.js'
import { nodeId, term } from '../../raft/core/types.js'
import type { Recovered } from '../../raft/storage/log.js'
import { RaftLog } from '../../raft/storage/log.js'
import type { Machine } from './machine.js'
import { clusterId, logDirectory } from './machine.js'

export interface DurableLog {
  readonly hardState: HardState
  /** Everything up to here is part of the machine's durable state, or is compacted. */
  readonly start: number
  readonly last: number
  /** Null for what is compacted or not there. */
  termAt(index: number): Term | null
}

/** Null when it is not readable: damaged, or nothing was ever durable. */
export function durableLog(machine: Machine, segmentBytes: number): DurableLog | null {
  const clock = new VirtualClock()
  const disk = new MemoryDisk({ random: seededRandom(1), schedule: clock.defer })
  for (const [path, content] of machine.disk.durableFiles())
    if (path.endsWith('.wal')) disk.place(path, content)
  let found: Recovered | null = null
  const self = { pid: 1, startTicks: 1 }
  RaftLog.open(
    {
      directory: logDirectory,
      clusterId,
      nodeId: nodeId(machine.id),
      segmentBytes,
      disk,
      clock,
      random: seededRandom(1),
      processes: {
        self: () => self,
        identify: () => self,
        spawn: () => null,
        signal: () => false,
        signalGroup: () => false,
      },
      logger: silentLogger,
      metrics: deafMetrics,
      onFatal: () => {},
    },
    (error, log, recovered) => {
      if (error !== null || log === undefined || recovered === undefined) return
      found = recovered
      log.halt(() => {})
    },
  )
  clock.advance(100)
  if (found === null) return null
  const { hardState, snapshot, entries } = found as Recovered
  return {
    hardState,
    start: snapshot.index,
    last: snapshot.index + entries.length,
    termAt: index =>
      index === snapshot.index
        ? term(snapshot.term)
        : (entries[index - snapshot.index - 1]?.term ?? null),
  }
}
