// The scenario `raft`: the shipping Raft shell with its log and transport, over a digest of all entries.

import { History } from './history.js'
import type { Machine } from './machine.js'
import type { Program } from './program.js'
import { RaftProgram } from './raft-program.js'
import type { Scenario, ScenarioWorld, Tally } from './scenario.js'
import type { SimProcess } from './scheduler.js'
import { controlPlaneKinds, type FaultKind } from './swarm.js'
import { Workload } from './workload.js'

export class RaftScenario implements Scenario {
  readonly withoutFaults: ReadonlySet<FaultKind> = new Set(['client-cut', ...controlPlaneKinds])
  /** They call the node of a machine as if they lived on it. */
  readonly clientHosts: readonly number[] = []
  private readonly history = new History()
  private readonly world: ScenarioWorld
  private readonly workload: Workload

  constructor(world: ScenarioWorld) {
    this.world = world
    const { scheduler, swarm, randomOf, machines, operationsMax, coverage } = world
    this.workload = new Workload({
      scheduler,
      history: this.history,
      swarm,
      randomOf,
      machines,
      operationsMax,
      mark: fact => coverage.mark(fact),
    })
  }

  get tally(): Tally {
    const { acknowledged, refused, unknown, readsAnswered } = this.history
    const { operations } = this.workload
    return { operations, acknowledged, refused, unknown, reads: readsAnswered }
  }

  programOf(machine: Machine): Program {
    const { swarm, restoring } = this.world
    return new RaftProgram({
      machine,
      history: this.history,
      swarm,
      restoring: () => restoring(machine),
    })
  }

  begin(): void {
    this.workload.begin()
  }

  propose(machine: Machine, bytes: number, done: (index: number | null) => void): void {
    this.workload.propose(machine, bytes, done)
  }

  burst(machine: Machine, count: number): void {
    this.workload.burst(machine, count)
  }

  read(machine: Machine): void {
    this.workload.read(machine, () => {})
  }

  died(process: SimProcess): void {
    this.workload.died(process)
  }

  rested(): null {
    return null
  }

  placeOf(): null {
    return null
  }

  hasPower(): boolean {
    return true
  }

  strike(): boolean {
    return false
  }

  throwIfBroken(): void {}

  heal(): void {}

  rest(): void {
    this.workload.resting = true
  }

  async conclude(): Promise<void> {}
}
