// `raftsman chaos simulate`: seeds on worker threads, a progress line, a summary; on failure the
// smallest run that still fails and the line that replays it. Exit code 0 only for a valid run.

import { type Command, Option } from 'commander'
import { availableParallelism } from 'node:os'
import type { Batch } from '../../chaos/simulation/batch.js'
import { runBatch } from '../../chaos/simulation/batch.js'
import type { Reported } from '../../chaos/simulation/report.js'
import { reportJson, reportRows, verdictOf } from '../../chaos/simulation/report.js'
import type { SeedOverrides, SeedResult } from '../../chaos/simulation/run-seed.js'
import { type ScenarioName, scenarioNames } from '../../chaos/simulation/scenario.js'
import { shrink } from '../../chaos/simulation/shrink.js'
import { faultKinds, isFaultKind } from '../../chaos/simulation/swarm.js'
import { nodeRandom } from '../../platform/node/random.js'
import { aligned } from '../aligned.js'
import { UserError } from '../user-error.js'
import { commitOf } from '../version.js'

interface SimulateFlags {
  readonly seeds?: number
  readonly seed?: number
  readonly minutes?: number
  readonly scenario: ScenarioName
  readonly threads?: number
  readonly withoutFaults?: string
  readonly members?: number
  readonly untilMs?: number
  readonly operations?: number
  readonly lyingDisks?: boolean
  readonly shrink: boolean
  readonly output: 'text' | 'json'
}

const seedsUsual = 1000
/** Leaves room to count up. */
const seedBound = 2 ** 48

const number =
  (flag: string, min: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < min)
      throw new UserError(`${flag} takes a whole number from ${min} on, not "${text}".`)
    return value
  }

export function defineSimulate(command: Command): void {
  command
    .option(
      '--seeds <count>',
      `this many, from a random one on (${seedsUsual})`,
      number('--seeds', 1),
    )
    .option('--seed <seed>', 'this one; with --seeds the first of them', number('--seed', 0))
    .option('--minutes <minutes>', 'as many as there is time for', number('--minutes', 1))
    .addOption(
      new Option('--scenario <scenario>', 'what is simulated')
        .choices(scenarioNames)
        .default('raft'),
    )
    .option('--threads <count>', 'worker threads (one a core)', number('--threads', 1))
    .option('--without-faults <kinds>', `leave out, of: ${faultKinds.join(', ')}`)
    .option('--members <count>', 'instead of what the seed draws', number('--members', 1))
    .option('--until-ms <ms>', 'virtual end of the first phase', number('--until-ms', 1))
    .option('--operations <count>', 'at most so many of the clients', number('--operations', 1))
    .option('--lying-disks', 'syncs that do nothing: must be found invalid')
    .option('--no-shrink', 'do not make a failing seed smaller')
    .addOption(
      new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action((flags: SimulateFlags) => simulate(flags))
}

function overridesOf(flags: SimulateFlags): SeedOverrides {
  const withoutFaults = (flags.withoutFaults ?? '').split(',').filter(kind => kind !== '')
  const known = withoutFaults.filter(isFaultKind)
  const stranger = withoutFaults.find(kind => !isFaultKind(kind))
  if (stranger !== undefined)
    throw new UserError(`"${stranger}" is no kind of fault; there are ${faultKinds.join(', ')}.`)
  return {
    ...(flags.scenario === 'raft' ? {} : { scenario: flags.scenario }),
    ...(known.length > 0 ? { withoutFaults: known } : {}),
    ...(flags.members === undefined ? {} : { members: flags.members }),
    ...(flags.untilMs === undefined ? {} : { untilMs: flags.untilMs }),
    ...(flags.operations === undefined ? {} : { operations: flags.operations }),
    ...(flags.lyingDisks === true ? { lyingDisks: true } : {}),
  }
}

async function simulate(flags: SimulateFlags): Promise<void> {
  const overrides = overridesOf(flags)
  const startedMs = performance.now()
  const first = flags.seed ?? nodeRandom().integer(seedBound)
  const single =
    flags.seed !== undefined && flags.seeds === undefined && flags.minutes === undefined
  const count = single
    ? 1
    : flags.minutes === undefined || flags.seeds !== undefined
      ? (flags.seeds ?? seedsUsual)
      : Number.POSITIVE_INFINITY
  const text = flags.output === 'text'
  if (text) process.stdout.write(`seeds from ${first}\n`)
  let interrupted = false
  const interrupt = () => {
    interrupted = true
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  const outOfTime = () =>
    flags.minutes !== undefined && performance.now() - startedMs > flags.minutes * 60_000
  let given = 0
  const batch = await runBatch({
    nextSeed: () => {
      if (given >= count) return null
      given += 1
      return first + given - 1
    },
    overrides,
    threads: Math.min(flags.threads ?? availableParallelism(), count),
    stopped: () => interrupted || outOfTime(),
    onSeed: text ? progress(startedMs) : () => {},
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  const elapsedMs = performance.now() - startedMs
  await report(flags, overrides, first, batch, elapsedMs)
}

async function report(
  flags: SimulateFlags,
  overrides: SeedOverrides,
  firstSeed: number,
  batch: Batch,
  elapsedMs: number,
): Promise<void> {
  // The same one whatever thread was faster.
  const [failed] = batch.failures.toSorted((a, b) => a.seed - b.seed)
  const shrunk =
    failed === undefined
      ? null
      : flags.shrink
        ? await shrink(failed, overrides)
        : { result: failed, overrides, runs: 0 }
  const { scenario } = flags
  const reported = { batch, commit: commitOf(), scenario, firstSeed, elapsedMs, shrunk }
  if (flags.output === 'json') process.stdout.write(`${JSON.stringify(reportJson(reported))}\n`)
  else process.stdout.write(`${linesOf(reported).join('\n')}\n`)
  process.exitCode = verdictOf(batch) === 'valid' ? 0 : 1
}

/** In one piece is what is to be copied. */
function linesOf(reported: Reported): readonly string[] {
  const rows = reportRows(reported)
  const lines = aligned(rows, new Set())
  return rows.flatMap(([about, text], at) =>
    about === 'replay' ? [`${about.padEnd(12)}${text}`] : (lines[at] ?? []),
  )
}

/**
 * One line that is written anew on a terminal; a line a minute in a file, where hours may pass. A seed that
 * fails is told at once: nobody wants to wait for hours to look at it.
 */
function progress(startedMs: number): (result: SeedResult, batch: Batch) => void {
  const { isTTY } = process.stderr
  const everyMs = isTTY ? 200 : 60_000
  let shownMs = startedMs
  return ({ seed, failure }, batch) => {
    if (failure !== null) {
      const line = `seed ${seed} fails: ${failure.check} at ${failure.atMs.toFixed(0)} ms`
      process.stderr.write(isTTY ? `\r${line} \x1b[K\n` : `${line}\n`)
    }
    const nowMs = performance.now()
    if (nowMs - shownMs < everyMs) return
    shownMs = nowMs
    const perHour = Math.round((batch.seeds / (nowMs - startedMs)) * 3_600_000)
    const line =
      `${batch.seeds} seeds, ${(batch.virtualMs / 3_600_000).toFixed(2)} simulated hours, ` +
      `${perHour} seeds an hour, ${batch.failures.length} failed`
    process.stderr.write(isTTY ? `\r${line} \x1b[K` : `${line}\n`)
  }
}
