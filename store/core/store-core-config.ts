// What one member's state machine is told: budgets that each member may choose for itself. What all must
// agree on stands in limits.ts.

import { commandVersions } from './command.js'
import type { LeaseClockConfig } from './leases/lease-clock.js'
import type { SessionLimits } from './limits.js'
import type { WatchLimits } from './watch/watch.js'

export interface StoreCoreConfig {
  readonly clusterId: number
  readonly memberId: number
  /** Grants below are raised to it: ceil(1.5 x election timeout). */
  readonly leaseTtlSecondsMin?: number
  /** Values kept in memory for reads, beside those not yet flushed. */
  readonly cacheBytesMax?: number
  /** From either on, `needsFlush` says so. */
  readonly flushRows?: number
  readonly flushBytes?: number
  /** Changed bytes of the file from which on `needsCheckpoint` says so. */
  readonly checkpointBytes?: number
  /** Unflushed bytes above which apply refuses to go on (only after flushes have failed). */
  readonly pendingBytesMax?: number
  readonly snapshotsMax?: number
  /** What ranges sorted by something else than their keys may hold, all together. */
  readonly sortBytesMax?: number
  /** How long one slice of a long entry is; see workOf. */
  readonly sliceWorkMax?: number
  /** What a transaction or a deletion may answer in one piece, about; see atomic-answer.ts. */
  readonly atomicAnswerBytesMax?: number
  /** Newest version of the commands that counts as known; for tests of versions to come. */
  readonly versionMax?: number
  /** The same on all members; for tests that would not get to the usual ones. */
  readonly sessions?: Partial<SessionLimits>
  readonly watch?: Partial<WatchLimits>
  readonly leases?: Partial<LeaseClockConfig>
}

export const storeCoreDefaults = {
  leaseTtlSecondsMin: 2,
  cacheBytesMax: 128 * 1024 * 1024,
  flushRows: 5_000,
  flushBytes: 8 * 1024 * 1024,
  checkpointBytes: 4 * 1024 * 1024,
  pendingBytesMax: 256 * 1024 * 1024,
  snapshotsMax: 4,
  sortBytesMax: 64 * 1024 * 1024,
  sliceWorkMax: 4_000,
  atomicAnswerBytesMax: 64 * 1024 * 1024,
  versionMax: commandVersions.max as number,
}

export type StoreCoreDefaults = typeof storeCoreDefaults
