// The parts that make up the state in memory, built from what a backend or a snapshot holds.

import type { LeaseRow, RowHead, StateMeta } from './backend.js'
import { Content } from './content.js'
import { RunningHash } from './hash.js'
import { KeyIndex } from './keys/key-index.js'
import { keyString } from './key-range.js'
import { LeaseTable } from './leases/lease.js'
import { atOnce, Pace } from './sliced.js'
import type { SystemRecord } from './system-records.js'

/** A new store: revision 1, never compacted, as etcd has it. */
export const emptyMeta: StateMeta = {
  appliedIndex: 0,
  appliedTerm: 0,
  revision: 1,
  lastOrdinal: 0,
  compactRevision: -1,
  compactedRows: -1,
  stateHash: new RunningHash().digest(),
}

/** Takes rows in order, then leases find their keys. */
export class StateBuilder {
  readonly index = new KeyIndex()
  readonly content = new Content()
  readonly leases = new LeaseTable([])
  readonly records: SystemRecord[] = []
  #lastOrdinal = 0
  #lastRevision = 0
  #sound = true

  row(head: RowHead): void {
    const { ordinal, createRevision, modRevision, version, lease, bytes, checksum } = head
    // Rows follow one another, and no key has two in one revision: else the source is damaged.
    const before = this.index.get(keyString(head.key))
    if (
      ![ordinal, createRevision, modRevision, version, lease, bytes, checksum].every(
        Number.isSafeInteger,
      ) ||
      ordinal <= this.#lastOrdinal ||
      modRevision < this.#lastRevision ||
      (before !== undefined && before.modRevision >= modRevision) ||
      head.key.length === 0
    ) {
      this.#sound = false
      return
    }
    this.#lastOrdinal = ordinal
    this.#lastRevision = modRevision
    const key = before?.key ?? keyString(head.key)
    this.content.made(head, before)
    this.index.record(key, head, before)
  }

  lease(row: LeaseRow): void {
    this.leases.load(row)
  }

  record(record: SystemRecord): void {
    this.records.push(record)
  }

  /** False when the source is damaged: rows out of order, beyond `meta`, or of unknown leases. */
  finish(meta: StateMeta): boolean {
    let sound =
      this.#sound && this.#lastOrdinal <= meta.lastOrdinal && this.#lastRevision <= meta.revision
    if (!sound) return false
    atOnce(this.content.compacted(meta.compactRevision, new Pace(Number.POSITIVE_INFINITY)))
    this.index.ascend('', null, entry => {
      if (entry.version === 0 || entry.lease === 0) return true
      if (this.leases.get(entry.lease) === undefined) sound = false
      else this.leases.attach(entry.lease, entry.key)
      return sound
    })
    return sound
  }
}
