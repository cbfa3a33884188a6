// The state at one revision, for whoever reads beside the log: nothing is seen of a transaction that is
// under way, nor of those that follow. Counterpart: a read transaction of etcd's mvcc store.

import type { Content } from './content.js'
import type { Counts } from './counts.js'
import type { KeyIndex } from './keys/key-index.js'
import type { Kv } from './kv.js'
import type { RowStore } from './row-store.js'
import type { Pace } from './sliced.js'
import type { TxnSource } from './txn.js'
import type { Revision } from './types.js'

export class Settled implements TxnSource {
  /** Of the last transaction that had ended when this was made. */
  readonly readRevision: Revision
  readonly #kv: () => Kv

  /** `kv` answers the present state: another one may take the place of it meanwhile. */
  constructor(kv: () => Kv) {
    this.#kv = kv
    this.readRevision = kv().revision
  }

  get index(): KeyIndex {
    return this.#kv().index
  }

  get rows(): RowStore {
    return this.#kv().rows
  }

  get content(): Content {
    return this.#kv().content
  }

  get counts(): Counts {
    return this.#kv().counts
  }

  get pace(): Pace {
    return this.#kv().pace
  }

  get compactRevision(): Revision {
    return this.#kv().compactRevision
  }
}
