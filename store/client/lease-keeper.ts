// Keeps one lease alive: renews it three times a TTL and says so once when it is lost, be it that
// the store has revoked it or that no renewal went through for a whole TTL. Counterpart: KeepAlive
// of etcd's client.

import type { Clock, Timer } from '../../platform/clock.js'
import type { LeaseId, LeaseKeepAliveResponse } from '../core/types.js'
import { clientError } from './call.js'

/** Before the first answer tells the TTL. */
const firstIntervalMs = 500
const retryMs = 250

export interface LeaseKeeping {
  /** Stops renewing; the lease lives until its TTL is over or it is revoked. */
  stop(): void
}

export interface LeaseKeeperOptions {
  readonly clock: Clock
  readonly renew: (id: LeaseId) => Promise<LeaseKeepAliveResponse>
  readonly onLost: (error: Error) => void
}

export function keepLease(id: LeaseId, options: LeaseKeeperOptions): LeaseKeeping {
  const { clock, renew, onLost } = options
  let stopped = false
  let timer: Timer | null = null
  let ttlMs: number | null = null
  let renewedMs = clock.monotonicMs()

  const stop = () => {
    stopped = true
    timer?.cancel()
  }
  const lost = (message: string) => {
    stop()
    onLost(clientError('lease-lost', message, { retryable: false }))
  }
  const schedule = (delayMs: number) => {
    timer = clock.setTimer(delayMs, round)
  }
  const round = () => {
    const askedMs = clock.monotonicMs()
    renew(id).then(
      answer => {
        if (stopped) return
        if (answer.ttlSeconds <= 0) {
          lost(`lease ${id} does not exist any more`)
          return
        }
        // Counted from the question, so that the time of the answer's way is never added.
        renewedMs = askedMs
        ttlMs = answer.ttlSeconds * 1000
        schedule(Math.max(firstIntervalMs / 2, ttlMs / 3))
      },
      () => {
        if (stopped) return
        if (ttlMs !== null && clock.monotonicMs() - renewedMs >= ttlMs) {
          lost(`lease ${id} could not be renewed within its ${ttlMs / 1000} seconds`)
          return
        }
        schedule(retryMs)
      },
    )
  }
  round()
  return { stop }
}
