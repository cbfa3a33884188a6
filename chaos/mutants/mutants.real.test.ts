// Compiles the code as it is, then proves that the simulator finds mistakes of the catalogue in the seeds
// that are known to show them, and that the same seeds find nothing in the code itself. The whole catalogue
// takes many minutes: `raftsman chaos mutants`, or UPDATE_MUTANTS=1, which notes the seeds anew;
// UPDATE_MUTANTS=known does so for those that are known already, whose seeds may have become stale.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canary, mutants } from './catalogue.js'
import { controlPlaneMutants } from './control-plane.js'
import type { MutantResult } from './hunt.js'
import { hunt, huntAll } from './hunt.js'
import { knownSeeds } from './known-seeds.js'
import { occurrences } from './mutant.js'
import { scenarioNames } from '../simulation/scenario.js'

const root = resolve(import.meta.dirname, '../..')
const knownSeedsFile = join(import.meta.dirname, 'known-seeds.ts')
/** The search for mutants whose seeds are stale takes minutes; the known seeds take seconds. */
const searchMsMax = 1_800_000
const jobs = 2
const update = process.env['UPDATE_MUTANTS'] ?? ''
const all = update === '1'
const hunted = mutants.filter(({ name }) => all || knownSeeds[name] !== undefined)

let build = ''
let results: readonly MutantResult[] = []

beforeAll(async () => {
  build = mkdtempSync(join(tmpdir(), 'raftsman-mutants-'))
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const outputs = ['--outDir', build, '--tsBuildInfoFile', join(build, 'info')]
  const compiled = spawnSync(
    process.execPath,
    [compiler, '-p', 'tsconfig.build.json', ...outputs],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  if (compiled.status !== 0) throw new Error(compiled.stdout)
  results = await huntAll({
    build,
    mutants: hunted,
    jobs,
    firstSeed: ({ name }) => (all ? undefined : knownSeeds[name]),
    onResult: () => {},
  })
  if (update !== '') noteSeeds()
}, searchMsMax)

afterAll(() => rmSync(build, { recursive: true, force: true }))

function noteSeeds(): void {
  const text = readFileSync(knownSeedsFile, 'utf8')
  const lines = results.flatMap(({ mutant, caught }) =>
    caught === null ? [] : [`  '${mutant.name}': ${caught.seed},\n`],
  )
  const start = text.indexOf('= {') + '= {'.length
  writeFileSync(knownSeedsFile, `${text.slice(0, start)}\n${lines.join('')}}\n`)
}

describe('mutants', () => {
  it('are at least eighteen, each with a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    expect(mutants.length).toBeGreaterThanOrEqual(18)
  })

  it.each(mutants.flatMap(({ name, edits }) => edits.map(edit => ({ name, ...edit }))))(
    '$name has its place in $file',
    ({ file, find }) => {
      expect(occurrences(readFileSync(join(build, file), 'utf8'), find)).toHaveLength(1)
    },
  )

  it.each(hunted.map(({ name, rule }, at) => ({ name, rule, at })))(
    '$name is found, for $rule',
    ({ at }) => {
      const { caught, seedsTried, mutant } = results[at] as MutantResult
      expect(caught, `not found in ${seedsTried} of ${mutant.seedsMax} seeds`).not.toBeNull()
    },
  )

  it('include those of the control plane, each with the seed that found it last', () => {
    const ofIt = controlPlaneMutants.map(({ name }) => name)
    expect(ofIt.length).toBeGreaterThanOrEqual(12)
    expect(Object.keys(knownSeeds)).toEqual(expect.arrayContaining(ofIt))
  })

  it('include a canary, which the very first seed finds', () => {
    expect(canary.seedsMax).toBe(1)
    expect(results.find(({ mutant }) => mutant === canary)?.caught?.seed).toBe(1)
  })

  it(
    'are what those seeds find: the code itself passes all of them',
    async () => {
      const passed = await Promise.all(
        scenarioNames.map(scenario => {
          const found = results.filter(({ mutant }) => (mutant.scenario ?? 'raft') === scenario)
          const seeds = [...new Set(found.flatMap(({ caught }) => caught?.seed ?? []))]
          return hunt(build, [], scenario, seeds)
        }),
      )
      expect(passed.map(({ caught }) => caught)).toEqual(scenarioNames.map(() => null))
    },
    searchMsMax,
  )
})
