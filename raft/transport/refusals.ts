// What this node refuses from its peer port, and why: counted by reason, logged with restraint, and
// said to the other side before its link is closed. A stranger costs a line in the log now and then,
// never the process. Leaves out messages that are well formed and make no sense: the core counts those.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Counter, Metrics } from '../../platform/metrics.js'

/** Position is the code on the wire: append only. */
export const refusalReasons = [
  'malformed',
  'wrong-version',
  'wrong-cluster',
  'wrong-node',
  'unknown-peer',
  'removed-peer',
  'wrong-certificate',
  'not-greeted',
  'unexpected',
  'foreign-message',
  'replayed',
  'oversized',
  'corrupt-chunk',
  'silent',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** Why a link is closed; `message` is the sentence that the other side gets. */
export class PeerRefused extends RaftsmanError {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, message: string) {
    super(message, { code: `peer-${reason}`, retryable: false, outcome: 'not-applied' })
    this.reason = reason
  }
}

/** Lines of one reason are at least so far apart. */
const logMsMin = 10_000

export class Refusals {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly counter: Counter
  private readonly logged = new Map<RefusalReason, { atMs: number; unlogged: number }>()

  constructor(clock: Clock, logger: Logger, metrics: Metrics) {
    this.clock = clock
    this.logger = logger
    this.counter = metrics.counter(
      'raftsman_peer_refusals_total',
      'Links, frames and messages of peers that were refused.',
      ['reason'],
    )
    for (const reason of refusalReasons) this.counter.add(0, { reason })
  }

  note({ reason, message }: PeerRefused, remote: string): void {
    this.counter.add(1, { reason })
    const now = this.clock.monotonicMs()
    const last = this.logged.get(reason)
    if (last !== undefined && now - last.atMs < logMsMin) {
      last.unlogged += 1
      return
    }
    this.logger.warn(
      { remote, reason, detail: message, alsoRefused: last?.unlogged ?? 0 },
      'peer link refused',
    )
    this.logged.set(reason, { atMs: now, unlogged: 0 })
  }
}
