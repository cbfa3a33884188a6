// The parts that make up the state in memory, built from what a backend or a snapshot holds.

import { type LeaseRow, type RowHead, type StateMeta } from './backend.js'
import { RunningHash } from './hash.js'
import { KeyIndex } from './key-index.js'
import { keyString } from './key-range.js'
import { LeaseTable } from './lease.js'

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
  readonly leases = new LeaseTable([])

  row(head: RowHead): void {
    const { ordinal, createRevision, modRevision, version, lease } = head
    this.index.record(keyString(head.key), {
      ordinal,
      createRevision,
      modRevision,
      version,
      lease,
    })
  }

  lease(row: LeaseRow): void {
    this.leases.load(row)
  }

  /** False when a key has a lease that is not there: the source is damaged. */
  finish(): boolean {
    let sound = true
    this.index.ascend('', null, entry => {
      if (entry.version === 0 || entry.lease === 0) return true
      if (this.leases.get(entry.lease) === undefined) sound = false
      else this.leases.attach(entry.lease, entry.key)
      return sound
    })
    return sound
  }
}
