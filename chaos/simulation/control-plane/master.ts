// One master beside its store member: a process with the API server and one with controllers and scheduler, as
// production has them, each with a supervisor that starts it again. They live on the member's machine: its
// power, its clock and its place in the network are theirs.

import type { ApiRequest, ApiTransport } from '../../../orchestrator/client/transport.js'
import { startApiserverCore } from '../../../orchestrator/apiserver/apiserver-core.js'
import type { RunningControllers } from '../../../orchestrator/controllers/start-controllers.js'
import { startControllers } from '../../../orchestrator/controllers/start-controllers.js'
import { startScheduler } from '../../../orchestrator/scheduler/start-scheduler.js'
import { silentLogger } from '../../../platform/logger.js'
import { deafMetrics } from '../../../platform/testing/deaf-metrics.js'
import { StoreClient } from '../../../store/client/store-client.js'
import { clusterId } from '../machine.js'
import type { Machine } from '../machine.js'
import { MachineClock } from '../machine-clock.js'
import type { ScenarioWorld } from '../scenario.js'
import { SimProcess } from '../scheduler.js'
import { between } from '../streams.js'
import { openApiServerPort } from './api-server-port.js'
import { SimApiTransport } from './sim-api-transport.js'
import { simulatedVersion } from './simulated-version.js'
import { WithoutEvents } from './without-events.js'

export const apiAddressOf = (id: number): string => `m${id}:6443`

export interface MasterOptions {
  readonly world: ScenarioWorld
  readonly machine: Machine
  /** Of all members of the store. */
  readonly storeIds: readonly number[]
  /** Of all masters. */
  readonly ids: readonly number[]
  /** What controllers and scheduler say of objects is written; false: it goes nowhere. */
  readonly writesEvents: boolean
  /** Between two turns of leader election. */
  readonly retryPeriodMs: number
  readonly started: (process: SimProcess) => void
  /** Controllers want something: who they are to leader election, what, and whether they lead. */
  readonly wished: (identity: string, request: ApiRequest, leading: boolean) => void
  /** Controllers or the scheduler ask for something: who they are to leader election, and what. */
  readonly asked: (identity: string, lease: string, request: ApiRequest) => void
  readonly onBroken: (error: unknown) => void
}

/** Nodes report every ten seconds; the usual forty would be most of a seed. */
const nodeMonitorGraceMs = 20_000
const restartMsMin = 200
const restartMsMax = 3_000

const manager = 'kube-controller-manager'

type Part = 'apiserver' | 'controllers'

export class Master {
  readonly machine: Machine
  readonly processes = new Map<Part, SimProcess>()
  private readonly options: MasterOptions
  private lives = 0

  constructor(options: MasterOptions) {
    this.options = options
    this.machine = options.machine
  }

  /** The machine has power, and starts what it is there for. */
  boot(): void {
    for (const part of ['apiserver', 'controllers'] as const) this.start(part)
  }

  /** The power has gone. */
  dark(): void {
    for (const part of ['apiserver', 'controllers'] as const) this.end(part, false)
  }

  /** Killed; its supervisor starts it again. */
  kill(part: Part): boolean {
    if (!this.end(part, true)) return false
    const { scheduler, randomOf } = this.options.world
    const delayMs = between(randomOf(`supervisor/${this.machine.id}`), restartMsMin, restartMsMax)
    scheduler.after(delayMs, 'machine', null, () => this.start(part))
    return true
  }

  private end(part: Part, kernelSaysSo: boolean): boolean {
    const process = this.processes.get(part)
    if (process === undefined) return false
    this.processes.delete(part)
    process.alive = false
    process.held = []
    this.options.world.network.died(process, kernelSaysSo)
    return true
  }

  private start(part: Part): void {
    const { machine, processes } = this
    if (processes.has(part) || !machine.powered) return
    const { world, started } = this.options
    this.lives += 1
    const process = new SimProcess(machine.id, world.nextPid())
    processes.set(part, process)
    started(process)
    world.scheduler.after(0, 'machine', process, () => {
      if (part === 'apiserver') this.runApiserver(process)
      else this.runControllers(process)
    })
  }

  /** Its own comes first. */
  private allOf(ids: readonly number[]): readonly number[] {
    const { id } = this.machine
    return [id, ...ids.filter(other => other !== id)]
  }

  private partsOf(process: SimProcess) {
    const { scheduler, network, randomOf } = this.options.world
    const { id, skew } = this.machine
    return {
      clock: new MachineClock(scheduler, process, skew),
      random: randomOf(`master/${id}/${this.lives}`),
      network: network.of(process),
      logger: silentLogger,
    }
  }

  private runApiserver(process: SimProcess): void {
    const parts = this.partsOf(process)
    const { onBroken } = this.options
    const address = apiAddressOf(this.machine.id)
    const store = new StoreClient({
      ...parts,
      endpoints: this.allOf(this.options.storeIds).map(id => `m${id}:2379`),
      tls: null,
      clientName: `apiserver-m${this.machine.id}`,
      clusterId,
    })
    const core = startApiserverCore({
      ...parts,
      store,
      serviceCidr: '10.96.0.0/16',
      serverAddress: address,
      caPem: '',
      proxyCaPem: null,
      kubeletClient: null,
      signer: null,
      version: simulatedVersion,
      metrics: deafMetrics,
    })
    const { pipeline } = core
    openApiServerPort({ ...parts, address, pipeline, onBroken }, () =>
      core.serve(`10.0.0.${this.machine.id}:6443`),
    )
  }

  private runControllers(process: SimProcess): void {
    const parts = this.partsOf(process)
    const { wished, asked, onBroken, writesEvents, retryPeriodMs } = this.options
    const identity = `m${this.machine.id}_${process.pid}`
    let controllers: RunningControllers | null = null
    const transportOf = (name: string): ApiTransport => {
      const transport = new SimApiTransport({
        ...parts,
        servers: this.allOf(this.options.ids).map(apiAddressOf),
        peer: { commonName: `system:${name}`, organizations: [] },
        userAgent: name,
        onWish: request => {
          if (name === manager) wished(identity, request, controllers?.leading === true)
        },
        onAsk: request => asked(identity, name, request),
      })
      return writesEvents ? transport : new WithoutEvents(transport)
    }
    const shared = { ...parts, identity, retryPeriodMs, metrics: deafMetrics, onFatal: onBroken }
    startControllers({
      ...shared,
      transport: transportOf(manager),
      rootCa: null,
      nodeMonitorGraceMs,
    }).then(running => {
      controllers = running
    }, onBroken)
    startScheduler({ ...shared, transport: transportOf('kube-scheduler') }).catch(onBroken)
  }
}
