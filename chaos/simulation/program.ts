// What a machine runs in one life of its process, as the simulation sees it: the shipping Raft node over a
// digest of all entries (raft-program.ts), or a whole member of the store (store/member-program.ts).

import type { Clock } from '../../platform/clock.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Network } from '../../platform/network.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import type { RaftNode } from '../../raft/node.js'
import type { RaftPeer } from '../../raft/node-types.js'
import type { DiskOperation } from '../../platform/testing/memory-disk.js'
import type { MemoryDisk } from '../../platform/testing/memory-disk.js'
import type { SimProcess } from './scheduler.js'

/** How it comes into a cluster: as one of its founders, or told of members that are there. */
export interface Joining {
  readonly join: boolean
  readonly peers: readonly RaftPeer[]
}

/** One life: what a process is given by its machine. Void when the process is gone. */
export interface Life {
  readonly process: SimProcess
  readonly clock: Clock
  readonly random: Random
  readonly disk: MemoryDisk
  readonly network: Network
  readonly processes: Processes
  readonly logger: Logger
  /** Runs later, as if a disk call of that kind had answered. */
  readonly later: (kind: DiskOperation, run: () => void) => void
  /** The file system has no room now. */
  readonly full: () => boolean
  readonly onFatal: (error: Error) => void
}

/** Belongs to a machine, and outlives the lives of its process as far as the disk does. */
export interface Program {
  /** Null while it starts or does not run. */
  readonly node: RaftNode | null
  /** Of the state in memory; 0 while there is none. */
  readonly appliedIndex: number
  /** Up to which applied state survives a power cut. */
  readonly durableIndex: number
  start(life: Life, done: (error: RaftsmanError | null) => void): void
  /** In good order. Only while `node` is there. */
  stop(done: () => void): void
  /** Of the file system that its state is on. */
  roomChanged(full: boolean): void
  /** A write of its state fails soon; or none does any more. */
  writesFail(soon: boolean): void
  /** Its process is gone. */
  died(): void
  /** What was not durable is lost. Follows `died`. */
  powerCut(): void
}
