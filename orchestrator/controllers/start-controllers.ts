// The controller manager: all controllers of this room, run by whichever process holds the Lease
// `kube-controller-manager`. Counterpart: cmd/kube-controller-manager. A process that waits holds
// no informers and no memory for them; one that loses the lease drops everything in that turn.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import { LeaderElection, leaderGauge, type LeadershipTerm } from '../client/leader-election.js'
import { leases, resourceKey } from '../client/resources.js'
import { ApiClient } from '../client/rest-client.js'
import { SharedInformers } from '../client/shared-informers.js'
import type { ApiTransport } from '../client/transport.js'
import type { CertificateSigner } from './certificates/certificate-signer.js'
import { startCertificateController } from './certificates/controller.js'
import type { Controller, ControllerContext } from './context.js'
import { type ControllerMetrics, controllerMetrics } from './controller-metrics.js'
import { startAttachDetachController } from './attachdetach/controller.js'
import { startCronJobController } from './cronjob/controller.js'
import { startDaemonSetController } from './daemonset/controller.js'
import { startDeploymentController } from './deployment/controller.js'
import { startDisruptionController } from './disruption/controller.js'
import { startEndpointSliceController } from './endpointslice/controller.js'
import { startEndpointSliceMirroringController } from './endpointslicemirroring/controller.js'
import { startEphemeralVolumeController } from './ephemeralvolume/controller.js'
import { startGarbageCollector } from './garbagecollector/controller.js'
import { startHorizontalPodAutoscaler } from './horizontalpodautoscaler/controller.js'
import { startJobController } from './job/controller.js'
import { startNamespaceController } from './namespace/controller.js'
import { startNodeIpamController } from './nodeipam/controller.js'
import { parseCidr } from './nodeipam/reconcile.js'
import { startNodeLifecycleController } from './nodelifecycle/controller.js'
import { startTaintEvictionController } from './nodelifecycle/eviction-controller.js'
import { startPersistentVolumeBinder } from './persistentvolume/controller.js'
import { startPodGcController } from './podgc/controller.js'
import { startReplicaSetController, startReplicationController } from './replicaset/controller.js'
import { startResourceQuotaController } from './resourcequota/controller.js'
import { startServiceAccountController } from './serviceaccount/controller.js'
import { startServiceCidrController } from './servicecidr/controller.js'
import {
  type AccountTokenSigner,
  startTokenSecretsController,
} from './serviceaccounttokens/controller.js'
import { startStatefulSetController } from './statefulset/controller.js'
import { startStorageProtection } from './storageprotection/controller.js'
import { startTtlAfterFinishedController } from './ttlafterfinished/controller.js'
import { startVolumeExpandController } from './volumeexpand/controller.js'

export interface ControllersOptions {
  /** Authenticated as system:kube-controller-manager. Stays the caller's to close. */
  readonly transport: ApiTransport
  /** Unique in the cluster and over restarts, as in "master-1_4f2a9c". */
  readonly identity: string
  /** Where others reach this process while it leads, as in "https://10.0.0.1:10257". */
  readonly servingUrl?: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** PEM that pods verify the apiserver with; null publishes none. */
  readonly rootCa: string | null
  /** With the key of service account tokens. Without one Secrets for them stay empty. */
  readonly accountTokenSigner?: AccountTokenSigner | undefined
  /** By the authority that API servers know clients by. Without one no requests are signed. */
  readonly certificateSigner?: CertificateSigner | undefined
  /** Called for a broken invariant; the process must end. */
  readonly onFatal: (error: unknown) => void
  readonly clusterCidr?: string
  readonly nodeCidrPrefix?: number
  readonly nodeMonitorGraceMs?: number
  readonly nodeStartupGraceMs?: number
  readonly nodeMonitorPeriodMs?: number
  readonly podGcPeriodMs?: number
  readonly podGcQuarantineMs?: number
  readonly autoscalerSyncMs?: number
  readonly leaseDurationMs?: number
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
}

export interface RunningControllers {
  readonly leading: boolean
  /** Stops the work at once, then hands the lease over. */
  stop(): Promise<void>
}

/** Resolves once this process is a candidate; throws for options that cannot work. */
export async function startControllers(options: ControllersOptions): Promise<RunningControllers> {
  const { transport, identity, clock, random, metrics } = options
  parseCidr(options.clusterCidr ?? defaultClusterCidr)
  const logger = options.logger.child({ component: 'controller-manager' })
  const client = new ApiClient({ transport, fieldManager: 'kube-controller-manager' })
  const leader = leaderGauge(metrics)
  const lease = { name: 'kube-controller-manager' }
  const counted = controllerMetrics(metrics)
  let running: (() => void) | null = null
  leader.set(0, lease)
  const election = new LeaderElection({
    client,
    clock,
    random,
    logger,
    namespace: 'kube-system',
    name: 'kube-controller-manager',
    identity,
    servingUrl: options.servingUrl,
    leaseDurationMs: options.leaseDurationMs,
    renewDeadlineMs: options.renewDeadlineMs,
    retryPeriodMs: options.retryPeriodMs,
    onStartedLeading: term => {
      leader.set(1, lease)
      running = startTerm({ ...options, logger }, client, counted, term)
    },
    onStoppedLeading: () => {
      leader.set(0, lease)
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

const defaultClusterCidr = '127.64.0.0/12'

/** Answers the function that ends it all. */
function startTerm(
  options: ControllersOptions,
  client: ApiClient,
  metrics: ControllerMetrics,
  term: LeadershipTerm,
): () => void {
  const { clock, random, logger, onFatal } = options
  const termClient = client.forTerm(term)
  const informers = new SharedInformers({
    client: termClient,
    clock,
    random,
    logger,
    // Leaders renew theirs every two seconds; only those of nodes matter here.
    selections: new Map([[resourceKey(leases), { namespace: 'kube-node-lease' }]]),
  })
  const context: ControllerContext = {
    client: termClient,
    informers,
    clock,
    random,
    logger,
    metrics,
    onFatal,
  }
  informers.start()
  const controllers: readonly Controller[] = [
    startReplicaSetController(context),
    startReplicationController(context),
    startDeploymentController(context),
    startStatefulSetController(context),
    startDaemonSetController(context),
    startJobController(context),
    startDisruptionController(context),
    startCronJobController(context),
    startTtlAfterFinishedController(context),
    startEndpointSliceController(context),
    startEndpointSliceMirroringController(context),
    startNodeLifecycleController(context, {
      graceMs: options.nodeMonitorGraceMs ?? 40_000,
      startupGraceMs: options.nodeStartupGraceMs ?? 60_000,
      periodMs: options.nodeMonitorPeriodMs ?? 5000,
    }),
    startTaintEvictionController(context),
    startPodGcController(context, {
      periodMs: options.podGcPeriodMs ?? 20_000,
      quarantineMs: options.podGcQuarantineMs ?? 40_000,
      terminatedMax: 12_500,
    }),
    startNodeIpamController(context, {
      clusterCidr: options.clusterCidr ?? defaultClusterCidr,
      nodePrefix: options.nodeCidrPrefix ?? 24,
    }),
    startNamespaceController(context),
    startCertificateController(context, options.certificateSigner ?? null),
    startServiceAccountController(context, { rootCa: options.rootCa }),
    startServiceCidrController(context),
    startTokenSecretsController(context, {
      signer: options.accountTokenSigner ?? null,
      rootCa: options.rootCa,
    }),
    startStorageProtection(context),
    startEphemeralVolumeController(context),
    startResourceQuotaController(context),
    startPersistentVolumeBinder(context),
    startAttachDetachController(context),
    startVolumeExpandController(context),
    startHorizontalPodAutoscaler(context, { syncMs: options.autoscalerSyncMs ?? 15_000 }),
    // Last: it is content with the metadata of whatever kinds nobody else holds whole.
    startGarbageCollector(context, { discoveryPeriodMs: 60_000 }),
  ]
  return () => {
    for (const controller of controllers) controller.stop()
    informers.stop()
  }
}
