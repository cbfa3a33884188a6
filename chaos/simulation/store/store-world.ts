// What the parts of the scenario `store` share: the record, the witness, the lease book, the draws.

import type { ScenarioWorld } from '../scenario.js'
import type { LeaseBook } from './lease-book.js'
import type { AppliedRecord } from './record.js'
import type { RegisterHistory } from './registers.js'
import type { StoreSwarm } from './store-swarm.js'
import type { Witness } from './witness.js'
import type { WatchCheck } from './watch-check.js'

export interface StoreWorld extends ScenarioWorld {
  readonly store: StoreSwarm
  readonly record: AppliedRecord
  readonly witness: Witness
  readonly leases: LeaseBook
  readonly registers: RegisterHistory
  /** Watches that are open, and have to see all there is. */
  readonly watches: Set<OpenWatch>
  readonly mark: (fact: string) => void
  /** Something was found wrong where throwing it would only end a promise. */
  readonly broke: (error: unknown) => void
  /** Between two questions of one loop of a client. */
  readonly thinkMsMax: () => number
  /** False once the clients are to come to an end. */
  readonly asking: () => boolean
}

export interface OpenWatch {
  readonly check: WatchCheck
  readonly requestProgress: () => void
}
