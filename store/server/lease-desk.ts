// Leases around the pure state machine: the leader's clock, which proposes what has expired; and
// renewals, which only a confirmed leader may grant. A follower passes renewals on. A deposed leader
// can neither renew (it asks the quorum first) nor revoke (its commands carry its term). A new leader takes
// the leases over as soon as the quorum has confirmed it and it has applied what leaders before it had
// committed, of which their checkpoints of remaining time are a part.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Command } from '../core/command.js'
import { StoreError } from '../core/errors.js'
import type { Replica as Machine } from '../core/replica.js'
import type { LeaseId } from '../core/types.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Answer } from '../protocol.js'
import type { ReadBatcher } from './read-batcher.js'
import type { WriteBatcher, WriteOrigin } from './write-batcher.js'

export const leaseTickMs = 250
/** Commands of one tick; the rest is told again in the next one. */
const commandsPerTickMax = 2_048

export interface LeaseDeskOptions {
  readonly machine: Machine
  readonly writes: WriteBatcher
  readonly reads: ReadBatcher
  readonly clock: Clock
}

export type LeaseDone = (error: RaftsmanError | null, answer?: Answer) => void

export class LeaseDesk {
  readonly #options: LeaseDeskOptions
  /** Own commands under way; while there are some the clock proposes nothing more. */
  #proposed = 0
  /** As it was told last. */
  #softState: SoftState | null = null
  /** The term in which this member was confirmed as the leader; 0 for none. */
  #leadsIn = 0
  /** The term that the quorum is being asked about; 0 for none. */
  #asksAbout = 0

  constructor(options: LeaseDeskOptions) {
    this.#options = options
  }

  /** A few times a second, and whenever somebody becomes leader or is it no more. */
  tick(softState: SoftState): void {
    const { machine, writes, clock } = this.#options
    this.#softState = softState
    if (softState.role !== 'leader') this.#leadsIn = 0
    else if (softState.term !== this.#leadsIn) this.#askForLead(softState)
    const asLeader = this.#leadsIn === softState.term
    const commands = machine.leaseTick(clock.monotonicMs(), asLeader, softState.term)
    const room = this.#proposed > 0 ? 0 : commandsPerTickMax
    const taken = commands.slice(0, room)
    // The rest is told again, in the next tick or the next round.
    for (const command of commands.slice(room)) machine.leaseCommandEnded(command)
    for (const command of taken) {
      try {
        writes.submit(command, this.#originOf(command), 0)
        this.#proposed += 1
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
        machine.leaseCommandEnded(command)
      }
    }
  }

  #askForLead({ term }: SoftState): void {
    if (this.#asksAbout === term) return
    this.#asksAbout = term
    try {
      this.#options.reads.submit(error => {
        if (this.#asksAbout === term) this.#asksAbout = 0
        const now = this.#softState
        if (error !== null || now?.role !== 'leader' || now.term !== term) return
        this.#leadsIn = term
        this.tick(now)
      })
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      // Too much is under way; the next tick asks again.
      this.#asksAbout = 0
    }
  }

  #originOf(command: Command): WriteOrigin {
    const { machine } = this.#options
    return {
      written: () => {
        this.#proposed -= 1
        machine.leaseCommandEnded(command)
      },
      notWritten: (_token, error) => {
        this.#proposed -= 1
        if (error.outcome === 'not-applied') machine.leaseCommandEnded(command)
      },
    }
  }

  /** On the leader. `check` throws when the client may not. */
  keepAlive(id: number, lease: LeaseId, check: () => void, done: LeaseDone): void {
    this.#confirmed(done, () => {
      check()
      const { machine, writes, clock } = this.#options
      const renewal = machine.leaseKeepAlive(lease, clock.monotonicMs())
      const { ttlSeconds, before } = renewal
      const answer = (): void => {
        const header = machine.header()
        done(null, { kind: 'leaseKeepAlive', id, response: { header, id: lease, ttlSeconds } })
      }
      if (before === null) {
        answer()
        return
      }
      const origin: WriteOrigin = {
        written: (_token, result) => {
          if (result.ok) answer()
          // Another leads: the question was right, and only the one who answers it was not.
          else
            done(result.error.code === 'stale-leader' ? new StoreError('not-leader') : result.error)
        },
        notWritten: (_token, error) => done(error),
      }
      writes.submit(before, origin, 0)
    })
  }

  /** On the leader: it alone knows when a lease was renewed last. */
  timeToLive(
    id: number,
    lease: LeaseId,
    withKeys: boolean,
    checkKeys: () => void,
    done: LeaseDone,
  ): void {
    this.#confirmed(done, () => {
      if (withKeys) checkKeys()
      const { machine, clock } = this.#options
      const response = machine.leaseTimeToLive(lease, withKeys, clock.monotonicMs())
      done(null, { kind: 'leaseTimeToLive', id, response })
    })
  }

  /** Runs `act` once a quorum has confirmed who leads; what it throws is the answer. */
  #confirmed(done: LeaseDone, act: () => void): void {
    this.#options.reads.submit(error => {
      if (error !== null) {
        done(error)
        return
      }
      try {
        act()
      } catch (thrown) {
        if (!(thrown instanceof RaftsmanError)) throw thrown
        done(thrown)
      }
    })
  }
}
