// Keeps what is recoverable recoverable, so that what a failing seed shows is a bug and not bad luck
// beyond what any protocol survives. Counterpart: the fault atlas of TigerBeetle's simulator.
//
// What the atlas grants: any number of machines may be down, cut off or slow. Durable bytes are
// damaged on one machine at a time, only while a quorum of the others has all that is committed, and
// it must be whole again before the next one is hit. Damage always lies below something that was
// written later, for damage to the very last write looks like a torn one (docs/wal.md).

import type { Random } from '../../platform/random.js'
import type { Machine } from './machine.js'
import { durableLog } from './durable-log.js'
import { pick } from './streams.js'

export interface AtlasOptions {
  /** The voters. */
  readonly machines: () => readonly Machine[]
  readonly committedIndex: () => number
  readonly segmentBytes: number
}

export class FaultAtlas {
  /** Machines whose durable bytes were damaged and that are not whole again. */
  readonly damaged = new Set<number>()
  private readonly options: AtlasOptions

  constructor(options: AtlasOptions) {
    this.options = options
  }

  /** A machine that may lose durable bytes now, or null. */
  victim(random: Random): Machine | null {
    const { committedIndex, segmentBytes } = this.options
    const machines = this.options.machines()
    if (this.damaged.size > 0 || machines.length < 3) return null
    const victim = pick(random, machines)
    if (victim === undefined) return null
    const committed = committedIndex()
    const whole = machines.filter(machine => {
      if (machine === victim) return false
      const log = durableLog(machine, segmentBytes)
      return log !== null && log.last >= committed
    })
    return whole.length * 2 > machines.length ? victim : null
  }
}
