// What a batch of seeds amounts to, for people and as JSON.

import type { Batch } from './batch.js'
import { checkNames, controlPlaneCheckNames, storeCheckNames } from './failure.js'
import type { ScenarioName } from './scenario.js'
import type { Shrunk } from './shrink.js'
import { replayCommand } from './shrink.js'

const failuresShown = 20

export interface Reported {
  readonly batch: Batch
  readonly commit: string
  readonly scenario: string
  /** The batch began with it. */
  readonly firstSeed: number
  readonly elapsedMs: number
  /** Null when nothing failed. */
  readonly shrunk: Shrunk | null
}

export const verdictOf = ({
  failures,
  uncovered,
  seeds,
}: Batch): 'valid' | 'invalid' | 'unknown' =>
  failures.length > 0 || uncovered.length > 0 ? 'invalid' : seeds === 0 ? 'unknown' : 'valid'

const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))

interface Check {
  readonly name: string
  readonly verdict: string
  readonly detail: string
}

const ownCheckNames: Readonly<Record<ScenarioName, readonly string[]>> = {
  raft: [],
  store: storeCheckNames,
  'control-plane': controlPlaneCheckNames,
}

function checksOf(batch: Batch): Check[] {
  const names = [...checkNames, ...ownCheckNames[batch.scenario]]
  const checks = names.map((name): Check => {
    const failed = batch.failures.find(({ failure }) => failure?.check === name)
    return {
      name,
      verdict: failed === undefined ? 'valid' : 'invalid',
      detail: failed === undefined ? '' : `seed ${failed.seed}: ${failed.failure?.detail ?? ''}`,
    }
  })
  const { uncovered } = batch
  checks.push({
    name: 'coverage',
    verdict: uncovered.length === 0 ? 'valid' : 'invalid',
    detail: uncovered.length === 0 ? '' : `never seen: ${uncovered.join('; ')}`,
  })
  return checks
}

export function reportJson(reported: Reported): object {
  const { batch, commit, scenario, firstSeed, elapsedMs, shrunk } = reported
  const first = shrunk?.result ?? null
  return {
    verdict: verdictOf(batch),
    scenario,
    commit,
    // The one to look at: the first that failed, or else the first there was.
    seed: first?.seed ?? firstSeed,
    seeds: batch.seeds,
    failedSeeds: batch.failures.map(({ seed }) => seed),
    virtualHours: Number((batch.virtualMs / 3_600_000).toFixed(3)),
    elapsedSeconds: Number((elapsedMs / 1000).toFixed(1)),
    operations: batch.operations,
    acknowledged: batch.acknowledged,
    reads: batch.reads,
    steps: batch.steps,
    faults: sorted(batch.faults),
    checks: checksOf(batch),
    coverage: sorted(batch.coverage),
    traceHash: batch.traceHash,
    replay: shrunk === null ? null : replayCommand(shrunk.result.seed, shrunk.overrides),
  }
}

/** What each line is about, and what it says. */
export function reportRows(reported: Reported): readonly (readonly [string, string])[] {
  const { batch, commit, scenario, elapsedMs, shrunk } = reported
  const hours = (batch.virtualMs / 3_600_000).toFixed(2)
  const perHour = Math.round((batch.seeds / Math.max(1, elapsedMs)) * 3_600_000)
  const faults = Object.entries(sorted(batch.faults)).map(([kind, times]) => `${kind} ${times}`)
  const { failures, uncovered } = batch
  const unseen = uncovered.length === 0 ? '' : `; never seen: ${uncovered.join('; ')}`
  const rows: [string, string][] = [
    ['scenario', `${scenario}, commit ${commit}`],
    [
      'seeds',
      `${batch.seeds} (${perHour} an hour), ${hours} simulated hours, ${batch.steps} steps`,
    ],
    [
      'operations',
      `${batch.operations}, ${batch.acknowledged} writes acknowledged, ${batch.reads} reads answered`,
    ],
    ['faults', faults.join(', ')],
    ['coverage', `${batch.coverage.size} facts${unseen}`],
    ['trace hash', batch.traceHash],
    ['verdict', verdictOf(batch)],
  ]
  if (shrunk !== null) {
    const seeds = failures.slice(0, failuresShown).map(({ seed }) => seed)
    const more = failures.length > failuresShown ? ', …' : ''
    rows.push(
      ['failed', `${failures.length} of the seeds: ${seeds.join(', ')}${more}`],
      ['first', shrunk.result.failure?.detail ?? ''],
      ['replay', replayCommand(shrunk.result.seed, shrunk.overrides)],
    )
  }
  return rows
}
