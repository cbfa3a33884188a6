// Members compared with one another (core/hash-command.ts): as leader it puts marks into the log, it
// reports what this member has found at them, and when this member is the one that is wrong it has the
// state brought back. A member that has found damage by itself says so first, and gives its state up only
// once the log has it: as long as most members are sound.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Replica as Raft } from '../../raft/index.js'
import type { HashChange } from '../core/hash-command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { WriteBatcher, WriteOrigin } from './write-batcher.js'

/** Between marks while something is written. */
const markMsDefault = 60_000
/** Between marks while nothing is: a disk may lose what nobody touches. */
const idleMarksApart = 30
const versionNeeded = 2

export interface StateComparisonOptions {
  readonly id: number
  readonly raft: Raft
  readonly machine: Machine
  readonly writes: WriteBatcher
  readonly clock: Clock
  /** 60 s when absent. */
  readonly markMs: number | undefined
  readonly onStateWrong: (reason: string) => void
}

export class StateComparison {
  readonly #options: StateComparisonOptions
  #mark = 0
  #markedMs: number
  #proposed = false
  readonly #origin: WriteOrigin = {
    written: () => {
      this.#proposed = false
    },
    notWritten: () => {
      this.#proposed = false
    },
  }

  constructor(options: StateComparisonOptions) {
    this.#options = options
    this.#markedMs = options.clock.monotonicMs()
  }

  /** About once a second. */
  tick({ role }: SoftState): void {
    const { id, machine, clock, onStateWrong } = this.#options
    const { hashMarks, alarms, clusterVersion, damage } = machine
    if (clusterVersion.version < versionNeeded) return
    if (hashMarks.mark !== this.#mark) {
      this.#mark = hashMarks.mark
      this.#markedMs = clock.monotonicMs()
    }
    const convicted = alarms.contained.has(id)
    if (convicted && damage !== null) onStateWrong(damage.message)
    else if (convicted && hashMarks.outvoted) onStateWrong('most members have another one')
    if (this.#proposed) return
    const due = hashMarks.due(id)
    if (due !== null) this.#propose({ kind: 'report', member: id, ...due })
    else if (damage !== null && !convicted) {
      this.#propose({ kind: 'report', member: id, mark: hashMarks.mark, digest: '' })
    } else if (role === 'leader' && this.#isMarkDue()) this.#proposeMark()
  }

  #isMarkDue(): boolean {
    const { machine, clock, markMs = markMsDefault } = this.#options
    const { hashMarks, alarms } = machine
    const sinceMs = clock.monotonicMs() - this.#markedMs
    // Whoever was wrong serves again when it agrees with the others at the next mark.
    if (alarms.contained.size > 0 || hashMarks.mark === 0) return true
    return sinceMs >= (hashMarks.unmarked > 0 ? markMs : markMs * idleMarksApart)
  }

  #proposeMark(): void {
    const { voters } = this.#options.raft.status().confState
    this.#propose({ kind: 'mark', voters: [...voters] })
  }

  #propose(change: HashChange): void {
    this.#proposed = true
    try {
      this.#options.writes.submit({ kind: 'hash', change, by: 'member' }, this.#origin, 0)
    } catch (error) {
      // Too much is under way; again in the next tick.
      if (!(error instanceof RaftsmanError)) throw error
      this.#proposed = false
    }
  }
}
