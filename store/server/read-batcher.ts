// Linearizable reads: everything asked in one turn rests on one question to the quorum. A read is
// served from local state once that has applied all that was committed when it was asked (Raft
// thesis, section 6.4).

import type { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Replica as Raft } from '../../raft/index.js'
import { tooManyRequests } from './service-errors.js'

export const pendingReadsMax = 131_072

/** Called once; with null local state is as new as any acknowledged write. */
export type ReadReady = (error: RaftsmanError | null) => void

export class ReadBatcher {
  readonly #raft: Raft
  readonly #clock: Clock
  #turn: ReadReady[] = []
  #scheduled = false
  #pending = 0
  /** Questions to the quorum without an answer; those of one turn count once. */
  failed = 0

  constructor(raft: Raft, clock: Clock) {
    this.#raft = raft
    this.#clock = clock
  }

  get pending(): number {
    return this.#pending
  }

  /** Throws `too-many-requests` when too much is under way. */
  submit(ready: ReadReady): void {
    if (this.#pending >= pendingReadsMax) throw tooManyRequests()
    this.#pending += 1
    this.#turn.push(ready)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      const turn = this.#turn
      this.#turn = []
      this.#raft.readIndex(error => {
        this.#pending -= turn.length
        if (error !== null) this.failed += 1
        for (const read of turn) read(error)
      })
    })
  }
}
