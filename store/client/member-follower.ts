// A client's list of members, kept as the membership changes: it was given a few addresses once, and asks
// now and then where members listen today. Counterpart: AutoSync of etcd's client, which replaces what
// it was given; here that stays, so that a client never forgets the way back.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Address } from '../../platform/network.js'
import type { Member } from '../core/types.js'

/** A cluster has a handful of members; a list that is longer is cut. */
export const learnedMax = 64

export interface MemberFollowerOptions {
  readonly everyMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** As the quorum has it: one that was cut off would name members that have gone. */
  readonly list: () => Promise<readonly Member[]>
  /** Where members listen for clients, all of them. */
  readonly onAddresses: (addresses: readonly Address[]) => void
}

export class MemberFollower {
  readonly #options: MemberFollowerOptions
  #ticker: Timer | null = null
  #asking = false

  constructor(options: MemberFollowerOptions) {
    this.#options = options
  }

  /** There is a connection, for the first time or again. */
  connected(): void {
    const { clock, everyMs } = this.#options
    if (this.#ticker !== null) return
    this.#ticker = clock.setTicker(everyMs, () => this.#ask())
    this.#ask()
  }

  stop(): void {
    this.#ticker?.cancel()
    this.#ticker = null
  }

  #ask(): void {
    if (this.#asking) return
    this.#asking = true
    const { list, logger, onAddresses } = this.#options
    list().then(
      members => {
        this.#asking = false
        const addresses = addressesOf(members)
        if (this.#ticker !== null && addresses.length > 0) onAddresses(addresses)
      },
      (error: unknown) => {
        this.#asking = false
        logger.debug({ error }, 'members could not be asked for; those known stay')
      },
    )
  }
}

/** Of those that vote and have started. */
export function addressesOf(members: readonly Member[]): readonly Address[] {
  const all = members
    .filter(({ learner }) => !learner)
    .flatMap(({ clientAddresses }) => clientAddresses)
  return [...new Set(all)].slice(0, learnedMax)
}
