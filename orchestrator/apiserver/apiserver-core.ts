// One API server over one store, without a port: builds the parts and keeps the cluster's own objects in
// place. Who brings requests to its pipeline is the caller's business: HTTP (apiserver.ts), or somebody in
// the same process. Counterpart: cmd/kube-apiserver behind its listener. It never ends the process.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Store } from '../../store/client/types.js'
import { heldToken } from '../api/legacy-token.js'
import { KindRegistry } from '../api/kind-registry.js'
import { kinds as builtInKinds } from '../api/kinds.js'
import type { Descriptions } from '../api/openapi/descriptions.js'
import { ApiError } from '../api/status.js'
import { PolicyStatus } from './admission/policy/policy-status.js'
import { admissionPlugins } from './admission-plugins.js'
import type { TokenLookup, User } from './authentication.js'
import { Authorizer } from './authorizer.js'
import { ComponentStatuses } from './component-statuses.js'
import { ConversionClient } from './conversion-client.js'
import { keepCustomKinds } from './custom-kinds.js'
import { DefinitionController } from './definition-controller.js'
import { DiscoveryEndpoints } from './discovery-endpoints.js'
import { EventLease } from './event-lease.js'
import { ensureDefaultStorageClass } from './default-storage-class.js'
import { ensureFlowControl, keepDanglingConditions } from './flow-bootstrap.js'
import { FlowControl } from './flow-control.js'
import { proxyIdentity } from './extension-call.js'
import { KeptConnections } from './kept-connections.js'
import { ExtensionServers } from './extension-servers.js'
import { flowTimes, observeFlows } from './flow-metrics.js'
import type { HealthCheck } from './health-endpoints.js'
import { HeldTokenUse } from './held-token-use.js'
import { History } from './history.js'
import {
  ensureExtensionAuthentication,
  ensureLocalApiServices,
  keepLocalApiServices,
} from './local-api-services.js'
import { keepMasterEndpoints } from './master-endpoints.js'
import { ObjectReader } from './object-reader.js'
import { ObjectStorage } from './object-storage.js'
import { ObjectWriter } from './object-writer.js'
import { openIdAnswer } from './openid-endpoints.js'
import { Pipeline } from './pipeline.js'
import type { PipelineLimits } from './pipeline.js'
import { kubeletGateway } from './kubelet-gateway.js'
import { ensureRbacPolicy } from './rbac-bootstrap.js'
import { QuotaLedger } from './quota-ledger.js'
import { RegistryCache } from './registry-cache.js'
import { ResourceEndpoints } from './resource-endpoints.js'
import { ReviewEndpoints } from './review-endpoints.js'
import { RoleAggregation } from './role-aggregation.js'
import { gitVersion, versionDocument } from './server-version.js'
import type { BuildVersion } from './server-version.js'
import { tokenIssuer } from './service-account-tokens.js'
import { repairAllocations } from './allocation-repair.js'
import { parseCidr } from './service-ranges.js'
import type { HeldTokenLookup, TokenSigner, UidLookup } from './service-account-tokens.js'
import { SchedulerEndpoints } from './scheduler-endpoints.js'
import { SubresourceEndpoints } from './subresource-endpoints.js'
import { ensureSystemObjects, otherDefaultRange } from './system-bootstrap.js'
import { UsageEndpoints } from './usage-endpoints.js'
import { WatchGate } from './watch-gate.js'
import { WebhookCaller } from './webhook-call.js'
import { WriteAdmission } from './write-admission.js'

export interface ApiserverCoreLimits extends PipelineLimits {
  /** Requests under way that only read, and that write: together the seats of the priority levels. */
  readonly readsMax: number
  readonly writesMax: number
  readonly watchesMax: number
}

const defaultLimits: ApiserverCoreLimits = {
  readsMax: 400,
  writesMax: 200,
  requestMs: 60_000,
  watchesMax: 10_000,
}

export interface ApiserverCoreOptions {
  /** Client identity towards kubelets; null: no logs. */
  readonly kubeletClient: TlsFiles | null
  /** Who we are to extension API servers, by an authority of its own; null: nobody. */
  readonly proxyClient?: TlsFiles | null
  /** Belongs to the caller, who closes it after the API server. */
  readonly store: Store
  /** As in "10.96.0.0/16". The first address is the `kubernetes` Service's. */
  readonly serviceCidr: string
  /** host:port, for clients that ask where to find us. */
  readonly serverAddress: string
  /** PEM that clients know us by, and extension API servers: for ConfigMaps. */
  readonly caPem: string
  readonly proxyCaPem: string | null
  readonly version: BuildVersion
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** Prometheus text for /metrics; null: none. */
  readonly metricsText?: (() => Promise<{ text: string; contentType: string }>) | null
  /** Of service account tokens, one for all masters; null: there are none. */
  readonly signer: TokenSigner | null
  /** How long the past can be read; null: for ever. An hour when absent. */
  readonly historyRetentionMs?: number | null
  /** What the fields of objects mean, for OpenAPI; absent: only what schemas say. */
  readonly descriptions?: () => Descriptions
  /** Tokens that are known in advance. */
  readonly staticTokens?: ReadonlyMap<string, User>
  readonly limits?: Partial<ApiserverCoreLimits>
}

export interface ApiserverCore {
  /** Answers from the start on, though little before the store has. */
  readonly pipeline: Pipeline
  /** Once the address is known under which other machines and pods reach this server, host:port. */
  serve(address: string): void
  /** Resolves once the cluster's own objects are there, as /readyz reports. */
  ready(): Promise<void>
  /** Ends watches, has requests finished by `endRequests`, closes. The store stays open. */
  close(endRequests: () => Promise<void>): Promise<void>
}

export function startApiserverCore(options: ApiserverCoreOptions): ApiserverCore {
  const { store, clock, random, logger, metrics } = options
  const limits = { ...defaultLimits, ...options.limits }
  const serviceCidr = parseCidr(options.serviceCidr)
  const { caPem, proxyCaPem, signer } = options
  const kinds = new KindRegistry(builtInKinds)
  const cache = new RegistryCache({ store, clock, logger })
  const storage = new ObjectStorage(store, clock)
  const connections = new KeptConnections(clock)
  const webhooks = new WebhookCaller({ cache, clock, random, connections })
  const conversions = new ConversionClient(webhooks, random)
  const reader = new ObjectReader(store, cache, conversions, clock)
  const eventLease = new EventLease(store, clock)
  const quotas = new QuotaLedger({ reader, storage, cache })
  const writer = new ObjectWriter({
    storage,
    reader,
    conversions,
    eventLease,
    clock,
    random,
    quotas,
  })
  const watches = new WatchGate(limits.watchesMax)
  const authorizer = new Authorizer(reader, cache)
  const plugins = admissionPlugins({
    reader,
    cache,
    authorizer,
    kinds,
    webhooks,
    clock,
    random,
    logger,
    metrics,
  })
  const admission = new WriteAdmission({ reader, cache, authorizer, plugins })
  const services = {
    reader,
    writer,
    conversions,
    kinds,
    cache,
    clock,
    random,
    watches,
    authorizer,
    admission,
  }
  const endpoints = new ResourceEndpoints(services)
  const kubelet =
    options.kubeletClient === null ? null : kubeletGateway(options.kubeletClient, clock)
  const { historyRetentionMs: retentionMs = historyRetentionMsUsual } = options
  const history = new History({ store, clock, logger, retentionMs })
  const uses = new HeldTokenUse({ reader, writer, clock, logger })
  const lookups = tokenLookups(options, signer, reader, uses)
  const audiences = [tokenIssuer]
  const boot = { done: false }
  const bound = { address: '' }
  const background = new Background(clock, logger)
  const flows = new FlowControl({
    cache,
    clock,
    seats: limits.readsMax + limits.writesMax,
    ...flowTimes(metrics),
  })
  observeFlows(metrics, flows.controller)
  const proxyClient = options.proxyClient ?? null
  const extensions = new ExtensionServers({
    kinds,
    cache,
    writer,
    clock,
    random,
    logger,
    identity: proxyClient === null ? null : proxyIdentity(proxyClient),
    connections,
  })
  const usage = new UsageEndpoints({ reader, clock, logger, kubelet })
  const scheduler = new SchedulerEndpoints({ reader, clock, identity: options.kubeletClient })
  const pipeline = new Pipeline({
    kinds,
    cache,
    discovery: new DiscoveryEndpoints({
      kinds,
      extensions,
      serverAddress: options.serverAddress,
      gitVersion: gitVersion(options.version),
      descriptions: options.descriptions ?? (() => new Map()),
    }),
    endpoints,
    subresources: new SubresourceEndpoints({
      ...services,
      endpoints,
      kubelet,
      signer,
      connections,
    }),
    componentStatuses: new ComponentStatuses({ reader, clock, store: storeCheck(cache, clock) }),
    history,
    reviews: new ReviewEndpoints({ authorizer, tokenLookups: lookups, audiences, admission }),
    scheduler,
    audiences,
    openId: path => (signer === null ? null : openIdAnswer(path, signer, bound.address)),
    authorizer,
    tokenLookups: lookups,
    version: versionDocument(options.version),
    livenessChecks: [{ name: 'ping', run: () => Promise.resolve(null) }],
    readinessChecks: readinessChecks(cache, clock, boot),
    metricsText: options.metricsText ?? null,
    flows,
    extensions,
    usage,
    limits,
    clock,
    logger,
    metrics,
  })
  const aggregation = new RoleAggregation({ reader, writer, cache, clock, logger })
  const flowBootstrap = { endpoints, reader, writer, cache, clock, logger }
  const localServices = { kinds, endpoints, reader, writer, cache, clock, logger }
  const stopLocalServices = keepLocalApiServices(localServices)
  const stopDangling = keepDanglingConditions(flowBootstrap)
  const stopKinds = keepCustomKinds({ kinds, cache, logger })
  const definitions = new DefinitionController({ kinds, cache, reader, writer, clock, logger })
  const policyStatus = new PolicyStatus({ kinds, cache, reader, writer, clock, logger })
  cache.start()
  history.start()
  let masterEndpoints: ReturnType<typeof keepMasterEndpoints> | null = null
  const system = { endpoints, reader, cache, clock, serviceCidr, caPem }
  let resolveReady: () => void = () => {}
  const ready = new Promise<void>(resolve => {
    resolveReady = resolve
  })
  const serve = (address: string) => {
    bound.address = address
    const endpointsOfMasters = keepMasterEndpoints({
      store,
      clock,
      logger,
      reader,
      writer,
      endpoints,
      cache,
      advertise: address,
    })
    masterEndpoints = endpointsOfMasters
    background.later(allocationRepairMs, 'allocations', () =>
      repairAllocations({ store, reader, cache, clock, random, logger }),
    )
    background.until('system objects', async () => {
      await ensureSystemObjects(system)
      const inForce = otherDefaultRange(reader, serviceCidr)
      if (inForce !== null) {
        logger.warn({ configured: options.serviceCidr, inForce }, 'service CIDR is another one')
      }
      await ensureDefaultStorageClass({ endpoints, reader, cache })
      await ensureRbacPolicy({ endpoints, reader, writer, cache })
      await ensureFlowControl(flowBootstrap)
      await ensureExtensionAuthentication(localServices, caPem, proxyCaPem)
      await ensureLocalApiServices(localServices)
      await cache.waitUntilFresh(bootFreshMs)
      await aggregation.settle()
      boot.done = true
      endpointsOfMasters.refresh()
      resolveReady()
      // Somebody may delete them: the cluster cannot do without.
      background.later(repairMs, 'system objects', () => ensureSystemObjects(system))
      background.later(flowRepairMs, 'API services', () => ensureLocalApiServices(localServices))
      background.later(flowRepairMs, 'flow control', () => ensureFlowControl(flowBootstrap))
    })
  }
  return {
    pipeline,
    serve,
    ready: () => ready,
    async close(endRequests) {
      background.stop()
      history.stop()
      scheduler.close()
      flows.stop()
      stopDangling()
      stopLocalServices()
      extensions.stop()
      usage.stop()
      aggregation.stop()
      await masterEndpoints?.stop()
      definitions.stop()
      policyStatus.stop()
      stopKinds()
      watches.closeAll()
      await endRequests()
      connections.close()
      cache.close()
    },
  }
}

const historyRetentionMsUsual = 3_600_000
const retryMs = 500
const bootFreshMs = 5_000
const repairMs = 10_000
const flowRepairMs = 60_000
const allocationRepairMs = 3 * 60_000

/** Work that is tried until it succeeds: the store may come up after us. */
class Background {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #timers = new Map<string, Timer>()
  #stopped = false

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  until(what: string, work: () => Promise<void>): void {
    if (this.#stopped) return
    work().catch((error: unknown) => {
      const sentence = error instanceof ApiError ? error.message : String(error)
      this.#logger.warn({ what, error: sentence }, 'not done yet, trying again')
      this.#set(retryMs, what, () => this.until(what, work))
    })
  }

  /** Again and again, `periodMs` after it succeeded. */
  later(periodMs: number, what: string, work: () => Promise<void>): void {
    this.#set(periodMs, what, () =>
      this.until(what, async () => {
        await work()
        this.later(periodMs, what, work)
      }),
    )
  }

  #set(delayMs: number, what: string, callback: () => void): void {
    if (!this.#stopped) this.#timers.set(what, this.#clock.setTimer(delayMs, callback))
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) timer.cancel()
  }
}

function tokenLookups(
  options: ApiserverCoreOptions,
  signer: TokenSigner | null,
  reader: ObjectReader,
  uses: HeldTokenUse,
): readonly TokenLookup[] {
  const { staticTokens, clock } = options
  const uidOf: UidLookup = (plural, namespace, name) =>
    reader.cachedAt('', plural, namespace, name)?.object.metadata.uid
  const tokenOf: HeldTokenLookup = (namespace, name) =>
    heldToken(reader.cachedAt('', 'secrets', namespace, name)?.object)
  return [
    ...(staticTokens === undefined ? [] : [staticLookup(staticTokens)]),
    ...(signer === null
      ? []
      : [
          signer.lookup({
            uidOf,
            heldToken: tokenOf,
            onHeldToken: (namespace, secret) => uses.note(namespace, secret),
            nowMs: () => clock.wallMs(),
          }),
        ]),
  ]
}

/** Such a token says nothing of whom it is for, so it is for all. */
function staticLookup(tokens: ReadonlyMap<string, User>): TokenLookup {
  return (token, audiences) => {
    const user = tokens.get(token)
    return user === undefined ? null : { user, audiences }
  }
}

const readinessMs = 2_000

function readinessChecks(
  cache: RegistryCache,
  clock: Clock,
  boot: { readonly done: boolean },
): readonly HealthCheck[] {
  return [
    { name: 'ping', run: () => Promise.resolve(null) },
    storeCheck(cache, clock),
    {
      name: 'watch-cache',
      run: () => Promise.resolve(cache.synced ? null : 'the cache is not following the store'),
    },
    {
      name: 'system-objects',
      run: () => Promise.resolve(boot.done ? null : 'the first objects are not there yet'),
    },
  ]
}

function storeCheck(cache: RegistryCache, clock: Clock): HealthCheck {
  return {
    name: 'store',
    run: () => within(clock, readinessMs, cache.readRevision(), 'the store did not answer in time'),
  }
}

/** Null when the work succeeds in time, else a sentence. */
function within(
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
  late: string,
): Promise<string | null> {
  return new Promise(resolve => {
    const timer = clock.setTimer(ms, () => resolve(late))
    work.then(
      () => {
        timer.cancel()
        resolve(null)
      },
      (error: unknown) => {
        timer.cancel()
        resolve(error instanceof Error ? error.message : String(error))
      },
    )
  })
}
