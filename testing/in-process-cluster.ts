// A cluster inside of one test: an API server, controllers, a scheduler and nodes that pretend, all as they
// ship, on a clock that moves when it is told to. No process, no port, no file; ten minutes pass in
// milliseconds. Counterpart: envtest of controller-runtime, which starts a kube-apiserver and an etcd.

import { ApiClient } from '../orchestrator/client/rest-client.js'
import type { ApiTransport } from '../orchestrator/client/transport.js'
import { type ApiserverCore, startApiserverCore } from '../orchestrator/apiserver/apiserver-core.js'
import { tokenSigner } from '../orchestrator/apiserver/service-account-tokens.js'
import type { RunningControllers } from '../orchestrator/controllers/start-controllers.js'
import { startControllers } from '../orchestrator/controllers/start-controllers.js'
import type { RunningScheduler } from '../orchestrator/scheduler/start-scheduler.js'
import { startScheduler } from '../orchestrator/scheduler/start-scheduler.js'
import type { Clock } from '../platform/clock.js'
import type { Logger } from '../platform/logger.js'
import { silentLogger } from '../platform/logger.js'
import type { Random } from '../platform/random.js'
import { seededRandom } from '../platform/seeded-random.js'
import { deafMetrics } from '../platform/testing/deaf-metrics.js'
import { settle, VirtualClock } from '../platform/testing/virtual-clock.js'
import { LocalStore } from '../store/local-store.js'
import { InProcessTransport } from './in-process-transport.js'
import { PretendKubelet } from './pretend-kubelet.js'
import { PretendMachine } from './pretend-machine.js'

export interface InProcessClusterOptions {
  /** The controllers of Kubernetes, with garbage collection and namespaces; false: none. True when absent. */
  readonly controllers?: boolean
  /** True when absent. */
  readonly scheduler?: boolean
  /** Names of nodes that pretend to run what is bound to them. None when absent. */
  readonly nodes?: readonly string[]
  /** Everything that is drawn is drawn from it: the same seed, the same names and the same order. */
  readonly seed?: number
  /** Wall time at the start, in milliseconds since the Unix epoch; the start of 2026 when absent. */
  readonly startWallMs?: number
  /** What namespaces get to know the API server by, PEM. None when absent. */
  readonly rootCa?: string
  /** A private key in PEM, RSA or EC P-256, for tokens of service accounts. None are given out when absent. */
  readonly accountKey?: string
  readonly logger?: Logger
}

/** As long as it may take for something that is waited for, where nobody says. */
const usualMs = 5 * 60_000
/** Between two looks at what is waited for. */
const lookMs = 100
const clusterVersion = {
  version: '0.0.0',
  gitCommit: '0000000000000000000000000000000000000000',
  buildDate: '2026-01-01T00:00:00Z',
  runtime: 'in process',
  platform: 'in process',
}

export class InProcessCluster {
  readonly clock: VirtualClock
  /** As kubernetes-admin. */
  readonly client: ApiClient
  /** What parts of a controller under test take: the same clock, and draws and a log of the cluster. */
  readonly environment: { readonly clock: Clock; readonly random: Random; readonly logger: Logger }
  readonly machines = new Map<string, PretendMachine>()
  readonly kubelets = new Map<string, PretendKubelet>()
  readonly #options: InProcessClusterOptions
  readonly #random: Random
  readonly #logger: Logger
  readonly #store: LocalStore
  readonly #apiserver: ApiserverCore
  readonly #transports: ApiTransport[] = []
  #controllers: RunningControllers | null = null
  #scheduler: RunningScheduler | null = null
  #broken: { readonly error: unknown } | null = null

  private constructor(options: InProcessClusterOptions) {
    this.#options = options
    const { seed = 1, startWallMs, logger = silentLogger, rootCa = '', accountKey } = options
    this.clock = new VirtualClock(startWallMs)
    this.#random = seededRandom(seed)
    this.#logger = logger
    const { clock } = this
    this.environment = { clock, random: this.#random, logger }
    this.#store = new LocalStore({ clock })
    this.#apiserver = startApiserverCore({
      store: this.#store,
      serviceCidr: '10.96.0.0/16',
      serverAddress: '127.0.0.1:6443',
      caPem: rootCa,
      proxyCaPem: null,
      kubeletClient: null,
      signer: accountKey === undefined ? null : tokenSigner(accountKey),
      version: clusterVersion,
      clock,
      random: this.#random,
      logger,
      metrics: deafMetrics,
    })
    this.client = new ApiClient({
      transport: this.transportAs('kubernetes-admin', 'system:masters'),
    })
  }

  /** Resolves once it serves, its controllers work and its nodes are ready. */
  static async start(options: InProcessClusterOptions = {}): Promise<InProcessCluster> {
    const cluster = new InProcessCluster(options)
    await cluster.#start()
    return cluster
  }

  /** How somebody else reaches the API: a controller under test, a user with few rights. */
  transportAs(user: string, ...groups: readonly string[]): ApiTransport {
    const transport = new InProcessTransport({
      pipeline: this.#apiserver.pipeline,
      peer: { commonName: user, organizations: groups },
      clock: this.clock,
      onBroken: error => this.#broke(error),
    })
    this.#transports.push(transport)
    return transport
  }

  /** Time passes, and everything happens that is due in it. Throws when an invariant was broken. */
  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms)
    this.#throwIfBroken()
  }

  /**
   * Time passes until something holds of what is read. An error of reading counts as "not yet". Throws
   * when it does not come to hold within so much time.
   */
  async until<T>(
    read: () => Promise<T>,
    holds: (value: T) => boolean,
    withinMs: number = usualMs,
  ): Promise<T> {
    const endMs = this.clock.monotonicMs() + withinMs
    let last: unknown = null
    for (;;) {
      try {
        const value = await this.finish(read())
        if (holds(value)) return value
        last = value
      } catch (error) {
        last = error
      }
      if (this.clock.monotonicMs() >= endMs) break
      await this.pass(lookMs)
    }
    const seen = last instanceof Error ? last.message : JSON.stringify(last)
    throw new Error(`still not so after ${withinMs} ms: ${seen}`)
  }

  /** For work that needs time to pass while it is under way. Rejects as the work does. */
  async finish<T>(work: Promise<T>, withinMs: number = usualMs): Promise<T> {
    const endMs = this.clock.monotonicMs() + withinMs
    const state = { over: false }
    const done = () => {
      state.over = true
    }
    work.then(done, done)
    await settle()
    while (!state.over && this.clock.step(endMs)) await settle()
    this.#throwIfBroken()
    if (!state.over) throw new Error(`not finished after ${withinMs} ms`)
    return await work
  }

  /** Resolves once the node is ready. */
  async addNode(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const { clock } = this
    const random = this.#random
    const subnet = `10.244.${this.machines.size + 1}`
    const machine = new PretendMachine({
      name,
      clock,
      random,
      subnet,
      startMsMax: 500,
      stopMsMax: 500,
    })
    const client = new ApiClient({
      transport: this.transportAs(`system:node:${name}`, 'system:nodes'),
    })
    const kubelet = new PretendKubelet({ machine, client, clock, random, labels })
    this.machines.set(name, machine)
    this.kubelets.set(name, kubelet)
    kubelet.start()
    await this.until(
      () => this.client.getJson<NodeSeen>(`/api/v1/nodes/${name}`),
      ({ status }) => status?.conditions?.some(isReady) === true,
    )
  }

  async close(): Promise<void> {
    for (const kubelet of this.kubelets.values()) kubelet.stop()
    for (const part of [this.#controllers, this.#scheduler])
      if (part !== null) await this.finish(part.stop())
    for (const transport of this.#transports) transport.close()
    await this.finish(this.#apiserver.close(() => Promise.resolve()))
    this.#store.close()
    this.#throwIfBroken()
  }

  async #start(): Promise<void> {
    const { controllers = true, scheduler = true, nodes = [], rootCa = null } = this.#options
    const { clock } = this
    this.#apiserver.serve('127.0.0.1:6443')
    await this.finish(this.#apiserver.ready())
    const shared = {
      identity: 'in-process',
      clock,
      random: this.#random,
      logger: this.#logger,
      metrics: deafMetrics,
      onFatal: (error: unknown) => this.#broke(error),
    }
    // Nobody else wants to lead: a renewal now and then will do.
    const lease = { leaseDurationMs: 90_000, renewDeadlineMs: 60_000, retryPeriodMs: 30_000 }
    if (controllers) {
      const transport = this.transportAs('system:kube-controller-manager')
      this.#controllers = await startControllers({ ...shared, ...lease, transport, rootCa })
    }
    if (scheduler) {
      const transport = this.transportAs('system:kube-scheduler')
      this.#scheduler = await startScheduler({ ...shared, ...lease, transport })
    }
    for (const name of nodes) await this.addNode(name)
    const leads = () => this.#controllers?.leading !== false && this.#scheduler?.leading !== false
    await this.until(
      () => Promise.resolve(leads()),
      led => led,
    )
  }

  #broke(error: unknown): void {
    this.#broken ??= { error }
  }

  #throwIfBroken(): void {
    if (this.#broken !== null) throw this.#broken.error
  }
}

interface NodeSeen {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

const isReady = ({ type, status }: { readonly type: string; readonly status: string }): boolean =>
  type === 'Ready' && status === 'True'
