// How each scenario is made. Each is loaded when it is asked for: that of the control plane is most of the code.

import type { Scenario, ScenarioName, ScenarioWorld } from './scenario.js'

export type ScenarioMaker = (world: ScenarioWorld) => Scenario

const makers: Readonly<Record<ScenarioName, () => Promise<ScenarioMaker>>> = {
  raft: async () => {
    const { RaftScenario } = await import('./raft-scenario.js')
    return world => new RaftScenario(world)
  },
  store: async () => {
    const { StoreScenario } = await import('./store/store-scenario.js')
    return world => new StoreScenario(world)
  },
  'control-plane': async () => {
    const { ControlPlaneScenario } = await import('./control-plane/control-plane-scenario.js')
    const { bornState } = await import('./control-plane/born-state.js')
    const born = await bornState()
    return world => new ControlPlaneScenario(world, born)
  },
}

export const scenarioMaker = (name: ScenarioName): Promise<ScenarioMaker> => makers[name]()
