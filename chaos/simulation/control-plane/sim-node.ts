// One node: a machine that pretends to run containers, and its kubelet, which may die while they go on.

import { ApiClient } from '../../../orchestrator/client/rest-client.js'
import { PretendKubelet } from '../../../testing/pretend-kubelet.js'
import { PretendMachine } from '../../../testing/pretend-machine.js'
import { MachineClock } from '../machine-clock.js'
import type { ScenarioWorld } from '../scenario.js'
import { SimProcess } from '../scheduler.js'
import { SimApiTransport } from './sim-api-transport.js'

export interface SimNodeOptions {
  readonly world: ScenarioWorld
  /** Its place in the network. */
  readonly host: number
  readonly name: string
  readonly servers: readonly string[]
  readonly started: (process: SimProcess) => void
}

export class SimNode {
  readonly host: number
  readonly name: string
  powered = true
  /** What runs there; it has no network. */
  machine: PretendMachine
  private readonly options: SimNodeOptions
  private readonly skew = { rate: 1, wallOffsetMs: 0 }
  private kubelet: SimProcess | null = null
  private body: SimProcess
  private lives = 0

  constructor(options: SimNodeOptions) {
    this.options = options
    this.host = options.host
    this.name = options.name
    this.body = this.process()
    this.machine = this.fresh()
  }

  private process(): SimProcess {
    const process = new SimProcess(this.host, this.options.world.nextPid())
    this.options.started(process)
    return process
  }

  private fresh(): PretendMachine {
    const { world, name, host } = this.options
    return new PretendMachine({
      name,
      clock: new MachineClock(world.scheduler, this.body, this.skew),
      random: world.randomOf(`node/${name}`),
      subnet: `10.244.${host % 100}`,
      startMsMax: 2_000,
      stopMsMax: 3_000,
    })
  }

  /** The kubelet begins, unless it runs. */
  start(): void {
    if (!this.powered || this.kubelet !== null) return
    const { world, servers, name } = this.options
    this.lives += 1
    const process = this.process()
    this.kubelet = process
    world.scheduler.after(0, 'machine', process, () => {
      const clock = new MachineClock(world.scheduler, process, this.skew)
      const transport = new SimApiTransport({
        servers,
        network: world.network.of(process),
        clock,
        peer: { commonName: `system:node:${name}`, organizations: ['system:nodes'] },
        userAgent: 'kubelet',
      })
      new PretendKubelet({
        machine: this.machine,
        client: new ApiClient({ transport }),
        clock,
        random: world.randomOf(`kubelet/${name}/${this.lives}`),
      }).start()
    })
  }

  killKubelet(kernelSaysSo = true): boolean {
    const process = this.kubelet
    if (process === null) return false
    process.alive = false
    this.kubelet = null
    this.options.world.network.died(process, kernelSaysSo)
    return true
  }

  powerCut(): void {
    this.killKubelet(false)
    this.powered = false
    this.body.alive = false
    this.machine.powerCut()
    this.body = this.process()
    this.machine = this.fresh()
  }

  restore(): void {
    this.powered = true
    this.start()
  }
}
