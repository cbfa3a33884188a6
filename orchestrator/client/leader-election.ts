// One of several processes works, the others wait; agreed on through a Lease object.
// Counterpart: client-go's leaderelection, with its defaults. Beyond it: losing the lease breaks
// every request of the term under way, and a process that was frozen past its deadline is refused
// by `permitted` before its timers have run. Like the original it is no fence for a request that
// is delayed inside the network for longer than the lease outlives the deadline (5 s).
//
//   candidate --lease free or stale--> leader --renewals fail for 10 s, or another holds it--> candidate

import type { Clock, Timer } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Gauge, Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import type { Lease } from '../api/types/coordination.js'
import { isNotFound } from './api-error.js'
import {
  type Candidate,
  decideLease,
  type LeaseObservation,
  observeLease,
  releasedLease,
} from './lease-decision.js'
import { leases } from './resources.js'
import type { ApiClient } from './rest-client.js'

export interface LeadershipTerm {
  /** Aborted in the same turn in which the lease is lost. */
  readonly signal: AbortSignal
  /** By the clock, so true only while no other process can hold the lease. */
  readonly permitted: () => boolean
}

export interface LeaderElectionOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly namespace: string
  readonly name: string
  /** Unique in the cluster and over restarts: host name and a random part. */
  readonly identity: string
  /** Where others reach this process while it leads. */
  readonly servingUrl?: string | undefined
  readonly leaseDurationMs?: number | undefined
  readonly renewDeadlineMs?: number | undefined
  readonly retryPeriodMs?: number | undefined
  readonly onStartedLeading: (term: LeadershipTerm) => void
  /** After the term's signal was aborted. */
  readonly onStoppedLeading: () => void
  readonly onNewLeader?: (identity: string) => void
}

/** 1 while this process leads, by the name that dashboards for Kubernetes ask for. Label: name of the Lease. */
export function leaderGauge(metrics: Metrics): Gauge {
  return metrics.gauge('leader_election_master_status', 'Whether this process leads', ['name'])
}

export class LeaderElection {
  private readonly options: LeaderElectionOptions
  private readonly candidate: Candidate
  private readonly renewDeadlineMs: number
  private readonly retryPeriodMs: number
  private seen: LeaseObservation | null = null
  private term: AbortController | null = null
  private renewedMs = 0
  private round: Timer | null = null
  private deadline: Timer | null = null
  private stopped = false
  private holder = ''

  constructor(options: LeaderElectionOptions) {
    const { namespace, name, identity, leaseDurationMs = 15_000 } = options
    this.options = options
    const { servingUrl = null } = options
    this.candidate = { namespace, name, identity, leaseDurationMs, servingUrl }
    this.renewDeadlineMs = options.renewDeadlineMs ?? 10_000
    this.retryPeriodMs = options.retryPeriodMs ?? 2000
    if (leaseDurationMs <= this.renewDeadlineMs || this.renewDeadlineMs <= this.retryPeriodMs) {
      throw new RangeError('lease duration > renew deadline > retry period must hold')
    }
  }

  get leading(): boolean {
    return this.term !== null && this.beforeDeadline()
  }

  start(): void {
    void this.turn()
  }

  /** Stops the work at once and hands the lease over; resolves even if that cannot be written. */
  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    this.round?.cancel()
    const lease = this.seen?.lease
    const held = this.term !== null
    this.lose('stopped')
    if (!held || !lease) return
    try {
      const released = releasedLease(lease, this.options.clock.wallMs())
      await this.options.client.update(leases, released, { timeoutMs: this.retryPeriodMs })
    } catch (error) {
      this.options.logger.debug({ error: String(error) }, 'lease not released')
    }
  }

  private async turn(): Promise<void> {
    try {
      await this.acquireOrRenew()
    } catch (error) {
      this.report(error)
      // Whatever we held in mind may be old: read the lease before the next write.
      await this.refresh().catch(() => {})
    }
    if (this.stopped) return
    const periodMs = this.retryPeriodMs * (this.term ? 1 : 1 + 0.2 * this.options.random.next())
    this.round = this.options.clock.setTimer(periodMs, () => void this.turn())
  }

  private async acquireOrRenew(): Promise<void> {
    const { client, clock } = this.options
    // A leader knows the newest lease unless somebody took it, and then its write conflicts.
    if (!this.term) await this.refresh()
    if (this.stopped || !this.seen) return
    const sentMs = clock.monotonicMs()
    const decision = decideLease(this.seen, this.candidate, {
      monotonicMs: sentMs,
      wallMs: clock.wallMs(),
    })
    if (decision.action === 'wait') {
      this.lose('another process holds the lease')
      this.sawHolder(decision.holder)
      return
    }
    const timeoutMs = this.writeTimeoutMs(sentMs)
    const written =
      decision.action === 'create'
        ? await client.create(leases, decision.lease, { timeoutMs })
        : await client.update(leases, decision.lease, { timeoutMs })
    this.held(written, sentMs)
  }

  private async refresh(): Promise<void> {
    const { client, clock } = this.options
    const { namespace, name, identity } = this.candidate
    const lease = await client
      .get(leases, { namespace, name }, { timeoutMs: this.retryPeriodMs * 2 })
      .catch((error: unknown) => {
        if (isNotFound(error)) return null
        throw error
      })
    this.seen = observeLease(this.seen, lease, clock.monotonicMs())
    if (this.term && lease?.spec?.holderIdentity !== identity) this.lose('the lease was taken')
  }

  private writeTimeoutMs(nowMs: number): number {
    const shortMs = this.retryPeriodMs * 2
    if (!this.term) return shortMs
    return Math.max(1, Math.min(shortMs, this.renewedMs + this.renewDeadlineMs - nowMs))
  }

  /** The lease is ours as of the moment the request left, which is before the server saw it. */
  private held(lease: Lease, sentMs: number): void {
    const { clock, identity, logger, onStartedLeading } = this.options
    this.seen = observeLease(this.seen, lease, clock.monotonicMs())
    if (this.stopped) return
    if (clock.monotonicMs() >= sentMs + this.renewDeadlineMs) return
    this.renewedMs = sentMs
    this.deadline?.cancel()
    const leftMs = sentMs + this.renewDeadlineMs - clock.monotonicMs()
    this.deadline = clock.setTimer(leftMs, () => this.lose('the lease could not be renewed'))
    if (this.term) return
    this.sawHolder(identity)
    logger.info({ lease: this.candidate.name, identity }, 'leading')
    const term = new AbortController()
    this.term = term
    onStartedLeading({
      signal: term.signal,
      permitted: () => this.term === term && this.beforeDeadline(),
    })
  }

  /** What waiting will not mend (forbidden, invalid) must be seen; the rest is daily life. */
  private report(error: unknown): void {
    const hopeless = error instanceof RaftsmanError && !error.retryable && !this.stopped
    const fields = { lease: this.candidate.name, error: String(error) }
    if (hopeless) this.options.logger.warn(fields, 'leader election is refused')
    else this.options.logger.debug(fields, 'leader election turn failed')
  }

  private beforeDeadline(): boolean {
    return this.options.clock.monotonicMs() < this.renewedMs + this.renewDeadlineMs
  }

  private lose(reason: string): void {
    const term = this.term
    if (!term) return
    this.term = null
    this.deadline?.cancel()
    this.deadline = null
    const fields = { lease: this.candidate.name, reason }
    if (this.stopped) this.options.logger.info(fields, 'no longer leading')
    else this.options.logger.warn(fields, 'no longer leading')
    term.abort()
    this.options.onStoppedLeading()
  }

  private sawHolder(holder: string): void {
    if (this.holder === holder) return
    this.holder = holder
    this.options.onNewLeader?.(holder)
  }
}
