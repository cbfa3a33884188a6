// Scenarios one after the other, each on both sides in turn, A B A B, every time on a cluster of its own
// that is new and alone on the machine: what one run left behind is no part of the next.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Stop } from '../harness/load.js'
import { commitOf } from '../../cli/version.js'
import { machineOf } from '../harness/machine.js'
import type { Outcome, Row, Scenario, Settings } from '../scenarios/scenario.js'
import { Cluster, SideFailed } from '../sides/cluster.js'
import type { Side, SideName } from '../sides/side.js'
import { warmUp } from '../scenarios/warm-up.js'
import { OwnProfile } from './own-profile.js'
import { ratioOf, resultOf } from './report.js'
import type { BenchReport, ScenarioReport } from './report.js'

export interface BenchPlan {
  readonly scenarios: readonly Scenario[]
  /** Ours first. */
  readonly sides: readonly Side[]
  readonly members: number
  readonly repetitions: number
  /** What takes minutes is repeated as well: somebody has asked for it. It is not when absent. */
  readonly repeatsLong?: boolean
  readonly settings: Settings
  /** Below which members keep their data. */
  readonly parent: string
  readonly clock: Clock
  readonly stop: Stop
  /** For members, beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** Every process leaves profiles there, this one too. */
  readonly profileFolder?: string
  /** Told what is being done, and how far that is. */
  readonly say: (line: string) => void
}

/** What stands in the way of a start, as a missing etcd, is thrown; what happens later is in the report. */
export async function runBench(plan: BenchPlan): Promise<BenchReport> {
  const { clock, settings, members, repetitions } = plan
  const versions = Object.fromEntries(plan.sides.map(side => [side.name, side.version()]))
  const startedAt = new Date(clock.wallMs()).toISOString()
  const machine = machineOf(plan.parent)
  const scenarios: ScenarioReport[] = []
  for (const [at, scenario] of plan.scenarios.entries()) {
    if (plan.stop.stopped) break
    const reports = await play(plan, scenario, `${at + 1}/${plan.scenarios.length}`)
    const told = reports.some(({ raftsman, etcd }) => raftsman !== null || etcd !== null)
    if (!told && plan.stop.stopped) break
    scenarios.push(...reports)
  }
  const { seconds, warmUpSeconds, serverWarmUpSeconds, clients, valueBytes, rate, quick } = settings
  return {
    machine,
    commit: commitOf(),
    startedAt,
    versions,
    members,
    settings: {
      seconds,
      warmUpSeconds,
      serverWarmUpSeconds,
      repetitions,
      clients,
      valueBytes,
      rate,
      quick,
    },
    interrupted: plan.stop.stopped,
    scenarios,
  }
}

export function roundsOf(
  { repetitions, repeatsLong = false }: Pick<BenchPlan, 'repetitions' | 'repeatsLong'>,
  { repetitionsMax = repetitions }: Pick<Scenario, 'repetitionsMax'>,
): number {
  return repeatsLong ? repetitions : Math.min(repetitions, repetitionsMax)
}

/** The scenario's own row first. */
async function play(
  plan: BenchPlan,
  scenario: Scenario,
  place: string,
): Promise<readonly ScenarioReport[]> {
  const outcomes: Record<SideName, Outcome[]> = { raftsman: [], etcd: [] }
  const failures: { side: SideName; why: string }[] = []
  const sides = plan.sides.filter(({ name }) => scenario.on !== 'state' || name === 'raftsman')
  const rounds = roundsOf(plan, scenario)
  for (let round = 1; round <= rounds; round += 1) {
    for (const side of sides) {
      if (plan.stop.stopped) break
      plan.say(`${place} ${scenario.name}: ${side.name}, round ${round} of ${rounds}`)
      try {
        const outcome = await once(plan, scenario, side, round)
        // One that was cut short is no repetition like the others, but better than none.
        const counts = !plan.stop.stopped || outcomes[side.name].length === 0
        if (outcome !== null && counts) outcomes[side.name].push(outcome)
      } catch (error) {
        if (!(error instanceof RaftsmanError) && !(error instanceof Error)) throw error
        if (!plan.stop.stopped) failures.push({ side: side.name, why: error.message })
      }
    }
  }
  const { protocol } = scenario
  return [scenario, ...(scenario.also ?? [])].map(row => {
    const raftsman = resultOf(outcomes.raftsman.map(outcome => seenAs(row, scenario, outcome)))
    const etcd = resultOf(outcomes.etcd.map(outcome => seenAs(row, scenario, outcome)))
    const { name, unit, better, summary } = row
    const ratio = ratioOf(raftsman, etcd)
    // Told once.
    const told = row === scenario ? failures : []
    return { name, unit, better, summary, protocol, raftsman, etcd, ratio, failures: told }
  })
}

/** The outcome of a scenario as that of one of its rows. */
function seenAs(row: Row, scenario: Scenario, outcome: Outcome): Outcome {
  if (row.name === scenario.name) return outcome
  return { ...outcome, value: outcome.also?.[row.name] ?? 0, notes: [] }
}

/** What was measured before the end is worth showing from this on. */
const cutMsMin = 1_000

/** Null when it was ended before there was anything to tell. */
async function once(
  plan: BenchPlan,
  scenario: Scenario,
  side: Side,
  round: number,
): Promise<Outcome | null> {
  const { members, parent, environment = {}, settings, clock, stop, profileFolder } = plan
  const bare = { settings, clock, stop, parent }
  const profiling =
    profileFolder === undefined
      ? undefined
      : { folder: profileFolder, label: `${scenario.name}-${side.name}-${round}` }
  if (scenario.on === 'state') {
    const profile = profiling === undefined ? null : await OwnProfile.start(profiling)
    try {
      return told(await scenario.run(bare), stop)
    } finally {
      await profile?.stop()
    }
  }
  const cluster = await Cluster.start(side, {
    members,
    parent,
    environment,
    stop,
    ...(profiling === undefined ? {} : { profiling }),
  })
  const own = profiling === undefined ? null : await OwnProfile.start(profiling)
  try {
    await warmUp({ ...bare, cluster }, settings.serverWarmUpSeconds)
    const outcome = await scenario.run({ ...bare, cluster })
    // A figure that a member did not live through is none.
    const [surprise] = cluster.surprises
    if (surprise !== undefined) throw new SideFailed(`${side.name}: ${surprise}`)
    return told({ ...outcome, notes: [...outcome.notes, ...cluster.notes] }, stop)
  } finally {
    await cluster.stop()
    await own?.stop()
  }
}

/** Null of what was ended before there was anything to tell. */
function told(outcome: Outcome, stop: Stop): Outcome | null {
  if (!stop.stopped) return outcome
  const { recorded, notes } = outcome
  if (recorded === null || recorded.answered === 0 || recorded.elapsedMs < cutMsMin) return null
  const seconds = (recorded.elapsedMs / 1_000).toFixed(1)
  return { ...outcome, notes: [...notes, `cut short after ${seconds} s`] }
}
