// What is simulated: what the machines run, who its clients are, and what only it can check. The machines,
// the network, the faults, the healing and the invariants of Raft are the same in all scenarios.

import type { Random } from '../../platform/random.js'
import type { Coverage } from './coverage.js'
import type { Machine } from './machine.js'
import type { SimNetwork } from './network.js'
import type { Program } from './program.js'
import type { Scheduler, SimProcess } from './scheduler.js'
import type { FaultKind, SwarmOptions } from './swarm.js'

export const scenarioNames = ['raft', 'store', 'control-plane'] as const

export type ScenarioName = (typeof scenarioNames)[number]

/** The simulation as a scenario sees it. */
export interface ScenarioWorld {
  readonly swarm: SwarmOptions
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly coverage: Coverage
  readonly randomOf: (name: string) => Random
  /** Those that are not thrown away. */
  readonly machines: () => readonly Machine[]
  readonly members: () => readonly Machine[]
  readonly nextPid: () => number
  /** Clients stop after so many operations. */
  readonly operationsMax: number
  /** A snapshot has become its state, and is not in its log yet. */
  readonly restoring: (machine: Machine) => void
  readonly count: (kind: FaultKind) => void
  /** When a fault struck last. */
  readonly disturbedMs: () => number
  /** Runs events up to that time, or until something holds; false when it never did. */
  readonly runUntil: (untilMs: number, done?: () => boolean) => Promise<boolean>
}

/** What the clients did, and what became of it. */
export interface Tally {
  readonly operations: number
  readonly acknowledged: number
  /** Certainly not applied. */
  readonly refused: number
  readonly unknown: number
  readonly reads: number
}

/** Somewhere in the network, with the process that is there now. */
export interface Place {
  readonly id: number
  readonly process: SimProcess | null
}

export interface Scenario {
  readonly tally: Tally
  /** Kinds of faults that it cannot bear, or that mean nothing to it. */
  readonly withoutFaults: ReadonlySet<FaultKind>
  /** Places in the network where clients live. */
  readonly clientHosts: readonly number[]
  programOf(machine: Machine): Program
  /** The clients begin. */
  begin(): void
  /** A client asks this machine for a write; `done` with its index, or null. */
  propose(machine: Machine, bytes: number, done: (index: number | null) => void): void
  /** Clients ask for so many writes at once. */
  burst(machine: Machine, count: number): void
  /** A client asks for a read. */
  read(machine: Machine): void
  /** Its process is gone. */
  died(process: SimProcess): void
  /** Lets the promises of this process's code come to rest after one of its steps; null: there are none. */
  rested(process: SimProcess): Promise<void> | null
  /** Who listens at an address that no machine has for itself; null: nobody knows it. */
  placeOf(address: string): Place | null
  /** Of places where clients live. */
  hasPower(host: number): boolean
  /** A fault of a kind that only this scenario knows. False when there was nothing to do. */
  strike(kind: FaultKind, random: Random): boolean
  /** Throws what was found wrong outside of a step: where a promise would have swallowed it. */
  throwIfBroken(): void
  /** All that is broken between machines is mended, and so is what is between them and clients. */
  heal(): void
  /** From now on the clients ask for nothing of their own. */
  rest(): void
  /** All are healed and agree: what can only now be asked. */
  conclude(): Promise<void>
}
