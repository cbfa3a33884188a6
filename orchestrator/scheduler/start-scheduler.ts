// The scheduler as a part of a process: works while it holds the Lease `kube-scheduler`.
// Counterpart: cmd/kube-scheduler.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import { LeaderElection, leaderGauge, type LeadershipTerm } from '../client/leader-election.js'
import { ApiClient } from '../client/rest-client.js'
import type { ApiTransport } from '../client/transport.js'
import type { Explanation } from './core/explanation.js'
import { defaultConfiguration, type SchedulerConfiguration } from './core/config/configuration.js'
import type { WhatIfQuestion } from './core/what-if/question.js'
import type { WhatIfAnswer } from './core/what-if/what-if.js'
import { schedulerMetrics } from './scheduler-metrics.js'
import { Scheduler } from './scheduler.js'

export interface SchedulerOptions {
  /** Authenticated as system:kube-scheduler. Stays the caller's to close. */
  readonly transport: ApiTransport
  /** Unique in the cluster and over restarts. */
  readonly identity: string
  /** Where others reach this process while it leads, as in "https://10.0.0.1:10259". */
  readonly servingUrl?: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** Called for a broken invariant; the process must end. */
  readonly onFatal: (error: unknown) => void
  /** Left out: one profile, as the original has it. */
  readonly configuration?: SchedulerConfiguration
  readonly leaseDurationMs?: number
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
}

export interface RunningScheduler {
  readonly leading: boolean
  /** Of the pod's last attempt in this process, by "namespace/name". */
  explanationOf(key: string): Explanation | null
  /** What the scheduler would do; rejects with QuestionError and RaftsmanError. */
  whatIf(question: WhatIfQuestion): Promise<WhatIfAnswer>
  /** Stops the work at once, then hands the lease over. */
  stop(): Promise<void>
}

/** Resolves once this process is a candidate. */
export async function startScheduler(options: SchedulerOptions): Promise<RunningScheduler> {
  const { transport, identity, clock, random, metrics } = options
  const logger = options.logger.child({ component: 'scheduler' })
  const client = new ApiClient({ transport, fieldManager: 'kube-scheduler' })
  const leader = leaderGauge(metrics)
  const lease = { name: 'kube-scheduler' }
  const counted = schedulerMetrics(metrics)
  let scheduler: Scheduler | null = null
  const begin = (term: LeadershipTerm) => {
    leader.set(1, lease)
    scheduler = new Scheduler({
      client: client.forTerm(term),
      clock,
      random,
      logger,
      metrics: counted,
      onFatal: options.onFatal,
      configuration: options.configuration ?? defaultConfiguration,
    })
    scheduler.start()
  }
  leader.set(0, lease)
  const election = new LeaderElection({
    client,
    clock,
    random,
    logger,
    namespace: 'kube-system',
    name: 'kube-scheduler',
    identity,
    servingUrl: options.servingUrl,
    leaseDurationMs: options.leaseDurationMs,
    renewDeadlineMs: options.renewDeadlineMs,
    retryPeriodMs: options.retryPeriodMs,
    onStartedLeading: begin,
    onStoppedLeading: () => {
      leader.set(0, lease)
      scheduler?.stop()
      scheduler = null
    },
  })
  election.start()
  return {
    get leading() {
      return election.leading
    },
    explanationOf: key => scheduler?.explanationOf(key) ?? null,
    async whatIf(question) {
      if (scheduler !== null) return scheduler.whatIf(question)
      throw new RaftsmanError('this scheduler does not lead', {
        code: 'not-leading',
        retryable: true,
        outcome: 'not-applied',
      })
    },
    stop: () => election.stop(),
  }
}
