// The cloud controller manager: nodes, routes and load balancers by way of one provider, run by whichever process
// holds the Lease `cloud-controller-manager`. Counterpart: cmd/cloud-controller-manager.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import type { Service } from '../api/types/core-service.js'
import { LeaderElection, leaderGauge, type LeadershipTerm } from '../client/leader-election.js'
import { services } from '../client/resources.js'
import { ApiClient } from '../client/rest-client.js'
import { SharedInformers } from '../client/shared-informers.js'
import type { ApiTransport } from '../client/transport.js'
import type { Controller, ControllerContext } from '../controllers/context.js'
import { type ControllerMetrics, controllerMetrics } from '../controllers/controller-metrics.js'
import { startCloudNodeController } from './node/controller.js'
import type { CloudProvider } from './provider.js'
import { startRouteController } from './route/controller.js'
import { startServiceController } from './service/controller.js'

export interface CloudControllersOptions {
  /** Authenticated as system:cloud-controller-manager. Stays the caller's to close. */
  readonly transport: ApiTransport
  /** Unique in the cluster and over restarts, as in "master-1_4f2a9c". */
  readonly identity: string
  /** Where others reach this process while it leads, as in "https://10.0.0.1:10258". */
  readonly servingUrl?: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** For one term of leadership; closed at its end. */
  readonly provider: (services: () => readonly Service[]) => Promise<CloudProvider>
  /** Called for a broken invariant; the process must end. */
  readonly onFatal: (error: unknown) => void
  readonly nodeStatusMs?: number
  readonly nodeMonitorMs?: number
  readonly routeSyncMs?: number
  readonly leaseDurationMs?: number
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
}

export interface RunningCloudControllers {
  readonly leading: boolean
  /** Stops the work at once, then hands the lease over. */
  stop(): Promise<void>
}

const leaseName = 'cloud-controller-manager'
/** Until a provider that cannot be opened is tried again. */
const againMs = 5_000

/** Resolves once this process is a candidate. */
export function startCloudControllers(options: CloudControllersOptions): RunningCloudControllers {
  const { transport, clock, random, metrics } = options
  const logger = options.logger.child({ component: leaseName })
  const client = new ApiClient({ transport, fieldManager: leaseName })
  const leader = leaderGauge(metrics)
  const counted = controllerMetrics(metrics)
  let running: (() => void) | null = null
  leader.set(0, { name: leaseName })
  const election = new LeaderElection({
    client,
    clock,
    random,
    logger,
    namespace: 'kube-system',
    name: leaseName,
    identity: options.identity,
    servingUrl: options.servingUrl,
    leaseDurationMs: options.leaseDurationMs,
    renewDeadlineMs: options.renewDeadlineMs,
    retryPeriodMs: options.retryPeriodMs,
    onStartedLeading: term => {
      leader.set(1, { name: leaseName })
      running = startTerm({ ...options, logger }, client, counted, term)
    },
    onStoppedLeading: () => {
      leader.set(0, { name: leaseName })
      running?.()
      running = null
    },
  })
  election.start()
  return {
    get leading() {
      return election.leading
    },
    stop: () => election.stop(),
  }
}

/** Answers the function that ends it all. */
function startTerm(
  options: CloudControllersOptions,
  client: ApiClient,
  metrics: ControllerMetrics,
  term: LeadershipTerm,
): () => void {
  const { clock, random, logger, onFatal } = options
  const termClient = client.forTerm(term)
  const informers = new SharedInformers({ client: termClient, clock, random, logger })
  const context: ControllerContext = {
    client: termClient,
    informers,
    clock,
    random,
    logger,
    metrics,
    onFatal,
  }
  const serviceInformer = informers.of(services)
  const state = { over: false, stop: () => {} }
  const open = (): void => {
    options
      .provider(() => serviceInformer.objects.list())
      .then(
        provider => {
          if (state.over) void provider.close()
          else state.stop = runWith(context, provider, options)
        },
        (error: unknown) => {
          if (state.over) return
          logger.warn({ error: String(error) }, 'the cloud cannot be opened')
          const timer = clock.setTimer(againMs, open)
          state.stop = () => timer.cancel()
        },
      )
  }
  open()
  return () => {
    state.over = true
    state.stop()
    informers.stop()
  }
}

function runWith(
  context: ControllerContext,
  provider: CloudProvider,
  options: CloudControllersOptions,
): () => void {
  const { instances, routes, loadBalancers } = provider
  const controllers: Controller[] = []
  if (instances !== null) {
    const every = {
      statusMs: options.nodeStatusMs ?? 5 * 60_000,
      monitorMs: options.nodeMonitorMs ?? 5_000,
    }
    controllers.push(startCloudNodeController(context, instances, every))
  }
  if (routes !== null) {
    const syncMs = options.routeSyncMs ?? 10_000
    controllers.push(startRouteController(context, routes, { syncMs }))
  }
  if (loadBalancers !== null) controllers.push(startServiceController(context, loadBalancers))
  context.informers.start()
  return () => {
    for (const controller of controllers) controller.stop()
    void provider.close()
  }
}
