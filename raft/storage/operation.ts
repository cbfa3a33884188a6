// What the log is asked to write, one task at a time.

import type { Entry, HardState, SnapshotMeta } from '../core/types.js'
import type { Change } from './log-tip.js'

export interface LogWrite {
  /** Contiguous. Replace what the log holds from the first one's index on. */
  readonly entries: readonly Entry[]
  readonly hardState: HardState | null
  /** The log is empty from here on and starts behind it; `entries` follow. */
  readonly snapshot: SnapshotMeta | null
  /** False: it may answer before it is durable. */
  readonly mustSync: boolean
}

export interface Operation extends Change {
  readonly mustSync: boolean
  readonly done: () => void
}

export const nothing: Operation = {
  entries: [],
  hardState: null,
  snapshot: null,
  compaction: null,
  restore: null,
  damage: null,
  whole: false,
  mustSync: false,
  done: () => {},
}

/** Every write goes through here: a literal, for a copy by two spreads costs microseconds. */
export function operationOf(
  { entries, hardState, snapshot, mustSync }: LogWrite,
  done: () => void,
): Operation {
  return {
    entries,
    hardState,
    snapshot,
    compaction: null,
    restore: null,
    damage: null,
    whole: false,
    mustSync,
    done,
  }
}
