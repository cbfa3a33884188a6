// The program that a hunt runs on a mutated build: takes a scenario and seeds, tries the seeds in that
// order, tells of each in one line of JSON, and ends with the first that fails.

import { Worker } from 'node:worker_threads'
import { runSeed } from '../simulation/run-seed.js'
import type { SeedFailure } from '../simulation/run-seed.js'
import { scenarioNames } from '../simulation/scenario.js'

/** `loaded` comes first: what fails before it is no find, but a mutant that is not a program. */
export type TrialReport =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'tried'; readonly seed: number; readonly failure: SeedFailure | null }

const watchdog = new Worker(new URL('./watchdog.js', import.meta.url))
watchdog.unref()
const tellWatchdog = watchdog.postMessage.bind(watchdog)

function report(line: TrialReport): void {
  tellWatchdog('alive')
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

report({ kind: 'loaded' })
const [, , name, ...seeds] = process.argv
const scenario = scenarioNames.find(known => known === name)
if (scenario === undefined) throw new Error(`no scenario: ${name}`)
for (const argument of seeds) {
  const { seed, failure } = await runSeed(Number(argument), { scenario })
  report({ kind: 'tried', seed, failure })
  if (failure !== null) break
}
