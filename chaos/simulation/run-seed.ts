// The door of the simulator: one seed in, one verdict out. Everything is a function of the seed and
// the overrides; nothing is read from the world.

import { InvariantViolation } from '../../platform/errors.js'
import type { CheckName } from './failure.js'
import { SimulationFailure } from './failure.js'
import type { Tally } from './scenario.js'
import { scenarioMaker } from './scenario-makers.js'
import type { SimulationOverrides } from './simulation.js'
import { Simulation } from './simulation.js'
import type { FaultKind } from './swarm.js'

/** What a replay may leave out or cut short. Without any of them the seed draws everything. */
export interface SeedOverrides extends SimulationOverrides {
  readonly withoutFaults?: readonly FaultKind[]
}

export interface SeedFailure {
  readonly check: CheckName
  readonly detail: string
  /** Virtual. */
  readonly atMs: number
}

export interface SeedResult extends Tally {
  readonly seed: number
  readonly verdict: 'valid' | 'invalid'
  readonly failure: SeedFailure | null
  /** 16 hexadecimal digits; the same for the same seed, overrides and code. */
  readonly traceHash: string
  readonly steps: number
  readonly virtualMs: number
  readonly members: number
  /** End of the first phase. */
  readonly untilMs: number
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  readonly coverage: Readonly<Record<string, number>>
}

export async function runSeed(seed: number, overrides: SeedOverrides = {}): Promise<SeedResult> {
  const makeScenario = await scenarioMaker(overrides.scenario ?? 'raft')
  const simulation = new Simulation(seed, overrides, makeScenario)
  let failure: SeedFailure | null = null
  try {
    await simulation.run()
  } catch (error) {
    failure = failureOf(error, simulation.nowMs)
  }
  const { scenario, swarm, scheduler, coverage, faultCounts } = simulation
  return {
    seed,
    verdict: failure === null ? 'valid' : 'invalid',
    failure,
    traceHash: simulation.trace.hash,
    steps: scheduler.steps,
    virtualMs: scheduler.nowMs,
    members: swarm.members,
    untilMs: swarm.untilMs,
    ...scenario.tally,
    faults: Object.fromEntries(faultCounts),
    coverage: Object.fromEntries([...coverage.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

/** An invariant that the code under test holds itself to ends its process in production. */
function failureOf(error: unknown, atMs: number): SeedFailure {
  if (error instanceof SimulationFailure) return { check: error.check, detail: error.message, atMs }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const kind = error instanceof InvariantViolation ? 'a broken invariant' : 'an exception'
  return { check: 'no-crash', detail: `${kind}: ${detail}`, atMs }
}
