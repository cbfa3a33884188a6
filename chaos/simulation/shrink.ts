// Makes a failing seed smaller while the same check fails: fewer kinds of faults, fewer members, less
// time, fewer operations. Each try is a whole run, so the order is that of the largest gain. Counterpart:
// delta debugging (Zeller); the randomness by name is what keeps the rest of a run in place meanwhile.

import type { SeedOverrides, SeedResult } from './run-seed.js'
import { runSeed } from './run-seed.js'
import type { FaultKind } from './swarm.js'
import { isFaultKind } from './swarm.js'

export interface Shrunk {
  readonly result: SeedResult
  readonly overrides: SeedOverrides
  readonly runs: number
}

const runsMax = 120

/** `failed` must have a failure. Runs seeds in this thread, for seconds. */
export async function shrink(failed: SeedResult, begun: SeedOverrides): Promise<Shrunk> {
  let best = { result: failed, overrides: begun }
  let runs = 0
  const check = failed.failure?.check
  /** True when the smaller run fails as well. */
  const attempt = async (smaller: SeedOverrides): Promise<boolean> => {
    if (runs >= runsMax) return false
    runs += 1
    const result = await runSeed(failed.seed, smaller)
    if (result.failure === null || result.failure.check !== check) return false
    best = { result, overrides: smaller }
    return true
  }

  let before: SeedOverrides
  do {
    before = best.overrides
    for (const kind of kindsOf(best.result)) {
      const withoutFaults = [...(best.overrides.withoutFaults ?? []), kind]
      await attempt({ ...best.overrides, withoutFaults })
    }
    for (const members of [1, 2, 3])
      if (members < best.result.members && (await attempt({ ...best.overrides, members }))) break
    await shortenTime(() => best, attempt)
    await fewerOperations(() => best, attempt)
  } while (best.overrides !== before)
  return { ...best, runs }
}

function kindsOf(result: SeedResult): readonly FaultKind[] {
  return Object.keys(result.faults).filter(isFaultKind)
}

type Attempt = (smaller: SeedOverrides) => Promise<boolean>
type Best = { readonly result: SeedResult; readonly overrides: SeedOverrides }

async function shortenTime(best: () => Best, attempt: Attempt): Promise<void> {
  const { result, overrides } = best()
  const failedMs = Math.ceil(result.failure?.atMs ?? 0)
  // Nothing behind the failure matters; a failure to agree is found behind the first phase anyway.
  if (failedMs < result.untilMs) await attempt({ ...overrides, untilMs: failedMs + 1 })
  for (let tries = 0; tries < 12; tries += 1) {
    const { result: now, overrides: held } = best()
    const untilMs = Math.floor(now.untilMs / 2)
    if (untilMs < 100 || !(await attempt({ ...held, untilMs }))) return
  }
}

async function fewerOperations(best: () => Best, attempt: Attempt): Promise<void> {
  for (let tries = 0; tries < 12; tries += 1) {
    const { result, overrides } = best()
    const operations = Math.floor(Math.min(result.operations, overrides.operations ?? 2 ** 53) / 2)
    if (operations < 1 || !(await attempt({ ...overrides, operations }))) return
  }
}

/** The one line that replays it. */
export function replayCommand(seed: number, overrides: SeedOverrides): string {
  const { scenario = 'raft', withoutFaults = [], members, untilMs } = overrides
  const { operations, lyingDisks } = overrides
  const flags = [
    scenario === 'raft' ? '' : `--scenario ${scenario}`,
    withoutFaults.length > 0 ? `--without-faults ${withoutFaults.join(',')}` : '',
    members === undefined ? '' : `--members ${members}`,
    untilMs === undefined ? '' : `--until-ms ${untilMs}`,
    operations === undefined ? '' : `--operations ${operations}`,
    lyingDisks === true ? '--lying-disks' : '',
  ].filter(flag => flag !== '')
  return ['npx raftsman chaos simulate --seed', seed, ...flags].join(' ')
}
