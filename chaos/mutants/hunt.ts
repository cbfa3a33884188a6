// The hunt for a mutant: seeds one after another, in a process of its own, until one fails. A mutant may
// also keep a step from ever ending, or eat all memory: a process that does not survive was found as well.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { CheckName } from '../simulation/failure.js'
import type { ScenarioName } from '../simulation/scenario.js'
import { mutatedBuild } from './mutated-build.js'
import type { Edit, Mutant } from './mutant.js'
import type { TrialReport } from './trial.js'

export interface Catch {
  readonly seed: number
  readonly check: CheckName
  readonly detail: string
}

export interface HuntResult {
  /** Null: every seed passed. */
  readonly caught: Catch | null
  readonly seedsTried: number
  readonly seconds: number
}

/**
 * `build`: the top folder of the compiled code. `seeds` in the order in which they are tried. Rejects when
 * an edit has no place in the code, or makes no program of it.
 */
export async function hunt(
  build: string,
  edits: readonly Edit[],
  scenario: ScenarioName,
  seeds: readonly number[],
): Promise<HuntResult> {
  const startedMs = performance.now()
  const mutated = mutatedBuild(build, edits, scenario)
  try {
    const { caught, seedsTried } = await trySeeds(mutated.trial, scenario, seeds)
    return { caught, seedsTried, seconds: (performance.now() - startedMs) / 1000 }
  } finally {
    mutated.remove()
  }
}

export interface MutantResult extends HuntResult {
  readonly mutant: Mutant
}

export interface HuntOptions {
  readonly build: string
  readonly mutants: readonly Mutant[]
  /** Processes at a time. */
  readonly jobs: number
  /** Tried before all others. */
  readonly firstSeed: (mutant: Mutant) => number | undefined
  readonly onResult: (result: MutantResult) => void
}

/** Each mutant in the seeds from 1 on, up to its bound. In the order of the list, however fast. */
export async function huntAll(options: HuntOptions): Promise<readonly MutantResult[]> {
  const { build, mutants, jobs, firstSeed, onResult } = options
  const results: MutantResult[] = []
  let next = 0
  const work = async () => {
    for (let at = next++; at < mutants.length; at = next++) {
      const mutant = mutants[at] as Mutant
      const { edits, scenario = 'raft' } = mutant
      const found = await hunt(build, edits, scenario, seedsOf(mutant, firstSeed(mutant)))
      results[at] = { mutant, ...found }
      onResult({ mutant, ...found })
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return results
}

function seedsOf({ seedsMax }: Mutant, first: number | undefined): readonly number[] {
  const all = Array.from({ length: seedsMax }, (_, at) => at + 1)
  return first === undefined ? all : [first, ...all.filter(seed => seed !== first)]
}

function trySeeds(
  trial: string,
  scenario: ScenarioName,
  seeds: readonly number[],
): Promise<Pick<HuntResult, 'caught' | 'seedsTried'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [trial, scenario, ...seeds.map(String)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let loaded = false
    let caught: Catch | null = null
    let seedsTried = 0
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
    createInterface({ input: child.stdout }).on('line', line => {
      const report: TrialReport = JSON.parse(line)
      if (report.kind === 'loaded') loaded = true
      else {
        const { seed, failure } = report
        seedsTried += 1
        if (failure !== null) caught = { seed, check: failure.check, detail: failure.detail }
      }
    })
    child.on('error', reject)
    child.on('close', (_code, signal) => {
      if (!loaded) reject(new Error(`the mutated build does not load: ${said}`))
      else if (caught !== null || seedsTried === seeds.length) resolve({ caught, seedsTried })
      else {
        const seed = seeds[seedsTried] ?? 0
        const detail =
          signal === null ? said : `ended by ${signal}; seeds take seconds, not minutes`
        resolve({ caught: { seed, check: 'no-crash', detail }, seedsTried: seedsTried + 1 })
      }
    })
  })
}
