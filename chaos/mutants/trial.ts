// The program that a hunt runs on a mutated build: tries seeds in the order of its arguments, tells of
// each in one line of JSON, and ends with the first that fails.

import { runSeed } from '../simulation/run-seed.js'
import type { SeedFailure } from '../simulation/run-seed.js'

/** `loaded` comes first: what fails before it is no find, but a mutant that is not a program. */
export type TrialReport =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'tried'; readonly seed: number; readonly failure: SeedFailure | null }

function report(line: TrialReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

report({ kind: 'loaded' })
for (const argument of process.argv.slice(2)) {
  const { seed, failure } = await runSeed(Number(argument))
  report({ kind: 'tried', seed, failure })
  if (failure !== null) break
}
