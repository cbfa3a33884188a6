// When this node campaigns for a leader whose process has ended, which the transport knows within
// milliseconds where silence would need an election timeout. What that knowledge allows, and why two
// that campaign at once do not split the votes, is the core's (core/gone-leader.ts).
//
//   told ──> campaigns ──> asks again after 1/2, 1, 2 … ticks those that did not know it yet,
//            for an election timeout: from then on silence says the same

import type { Clock, Timer } from '../platform/clock.js'
import type { Logger } from '../platform/logger.js'
import type { Raft } from './core/raft.js'
import type { NodeId } from './core/types.js'

/** Of a tick, the first pause between two questions. */
const pauseTicksMin = 0.5
/** Of an election timeout, the last. */
const pauseShareMax = 0.25

export interface SuccessionEnvironment {
  readonly raft: Raft
  readonly clock: Clock
  readonly logger: Logger
  readonly tickMs: number
  /** The shortest time after which followers elect another leader anyway. */
  readonly electionMs: number
  /** The core has something to do. */
  readonly onWork: () => void
}

export class Succession {
  private readonly environment: SuccessionEnvironment
  private timer: Timer | null = null

  constructor(environment: SuccessionEnvironment) {
    this.environment = environment
  }

  /** The process of `peer` has ended, as far as the transport can tell. May be said again and again. */
  peerGone(peer: NodeId): void {
    const { raft, clock, logger, tickMs, electionMs } = this.environment
    if (!raft.peerGone(peer) || this.timer !== null) return
    logger.warn({ leader: peer }, 'the process of the leader has ended, electing another at once')
    this.campaign(pauseTicksMin * tickMs, clock.monotonicMs() + electionMs)
  }

  end(): void {
    this.timer?.cancel()
    this.timer = null
  }

  private campaign(pauseMs: number, untilMs: number): void {
    const { raft, clock, electionMs, onWork } = this.environment
    this.timer = null
    const isOpen = raft.campaignEarly()
    onWork()
    if (!isOpen || clock.monotonicMs() + pauseMs >= untilMs) return
    const nextMs = Math.min(2 * pauseMs, pauseShareMax * electionMs)
    this.timer = clock.setTimer(pauseMs, () => this.campaign(nextMs, untilMs))
  }
}
