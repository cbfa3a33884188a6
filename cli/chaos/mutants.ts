// `raftsman chaos mutants`: how good the simulator is. Each mutant of the shipping code is hunted through
// seeds; one that is not found within its bound is a hole in the checks or in the faults.

import { type Command, Option } from 'commander'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { mutants as all } from '../../chaos/mutants/catalogue.js'
import type { MutantResult } from '../../chaos/mutants/hunt.js'
import { huntAll } from '../../chaos/mutants/hunt.js'
import { knownSeeds } from '../../chaos/mutants/known-seeds.js'
import { aligned } from '../aligned.js'
import { UserError } from '../user-error.js'

interface MutantsFlags {
  readonly threads?: string
  readonly known?: boolean
  readonly output: 'text' | 'json'
}

export function defineMutants(command: Command): void {
  command
    .argument('[names...]', 'these only; all when there are none')
    .option('--known', 'begin with the seed that found a mutant last')
    .option('--threads <count>', 'processes at a time (one a core)')
    .addOption(
      new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action(mutants)
}

async function mutants(names: readonly string[], flags: MutantsFlags): Promise<void> {
  const stranger = names.find(name => !all.some(mutant => mutant.name === name))
  if (stranger !== undefined)
    throw new UserError(
      `"${stranger}" is no mutant; there are ${all.map(({ name }) => name).join(', ')}.`,
    )
  const jobs = Number(flags.threads ?? availableParallelism())
  if (!Number.isSafeInteger(jobs) || jobs < 1)
    throw new UserError(`--threads takes a whole number from 1 on, not "${flags.threads}".`)
  const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name))
  const results = await huntAll({
    build: resolve(import.meta.dirname, '../..'),
    mutants: chosen,
    jobs,
    firstSeed: ({ name }) => (flags.known === true ? knownSeeds[name] : undefined),
    onResult: result => {
      process.stderr.write(`${result.mutant.name}: ${verdictOf(result)}\n`)
    },
  })
  process.stdout.write(
    flags.output === 'json' ? `${JSON.stringify(results.map(jsonOf))}\n` : `${render(results)}\n`,
  )
  process.exitCode = results.every(({ caught }) => caught !== null) ? 0 : 1
}

const verdictOf = ({ caught }: MutantResult): string =>
  caught === null ? 'NOT FOUND' : caught.check

function jsonOf({ mutant, caught, seedsTried, seconds }: MutantResult): object {
  const { name, rule, seedsMax } = mutant
  return { name, rule, seedsMax, found: caught, seedsTried, seconds: Number(seconds.toFixed(1)) }
}

function render(results: readonly MutantResult[]): string {
  const rows = results.map(result => {
    const { mutant, caught, seedsTried, seconds } = result
    const tried = `${seedsTried}/${mutant.seedsMax}`
    return [mutant.name, verdictOf(result), caught?.seed ?? '-', tried, seconds.toFixed(1)]
  })
  const head = ['MUTANT', 'FOUND BY', 'SEED', 'TRIED', 'SECONDS']
  const table = aligned([head, ...rows.map(row => row.map(String))], new Set([2, 3])).flat()
  const missed = results.filter(({ caught }) => caught === null).map(({ mutant }) => mutant)
  const rules = missed.map(({ name, rule }) => [name, rule])
  return [
    ...table,
    '',
    `${results.length - missed.length} of ${results.length} mutants found`,
    ...(missed.length === 0 ? [] : ['', 'Nothing found that these rules were taken out:']),
    ...aligned(rules, new Set()).flat(),
  ].join('\n')
}
