// The quota that this member was started with, put into the log when it leads: then it is the limit of
// all of them, whatever the others were started with. A member without one leaves what there is.

import { RaftsmanError } from '../../platform/errors.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Replica as Machine } from '../core/replica.js'
import type { WriteBatcher, WriteOrigin } from './write-batcher.js'

const versionNeeded = 2

export class QuotaDesk {
  readonly #machine: Machine
  readonly #writes: WriteBatcher
  readonly #bytes: number | undefined
  #proposed = false
  readonly #origin: WriteOrigin = {
    written: () => {
      this.#proposed = false
    },
    notWritten: () => {
      this.#proposed = false
    },
  }

  /** `bytes` 0: none. */
  constructor(machine: Machine, writes: WriteBatcher, bytes: number | undefined) {
    this.#machine = machine
    this.#writes = writes
    this.#bytes = bytes
  }

  /** About once a second. */
  tick({ role }: SoftState): void {
    const { quotaBytes, clusterVersion } = this.#machine
    if (role !== 'leader' || this.#proposed || clusterVersion.version < versionNeeded) return
    if (this.#bytes === undefined || this.#bytes === quotaBytes) return
    this.#proposed = true
    try {
      this.#writes.submit({ kind: 'quota', bytes: this.#bytes, by: 'member' }, this.#origin, 0)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#proposed = false
    }
  }
}
