// `raftsman bench list`: every scenario by name and group, with what it measures.

import { type Command, Option } from 'commander'
import { scenarios } from '../../bench/scenarios/registry.js'
import { aligned } from '../aligned.js'

export function defineList(command: Command): void {
  command
    .addOption(
      new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action(({ output }: { readonly output: 'text' | 'json' }) => {
      process.stdout.write(output === 'json' ? `${JSON.stringify(listJson())}\n` : listText())
    })
}

const listJson = () =>
  scenarios.map(({ name, group, unit, better, summary, protocol, takes, also }) => ({
    name,
    group,
    unit,
    better,
    summary,
    protocol,
    takes: [...takes],
    also: also ?? [],
  }))

function listText(): string {
  const rows = scenarios.flatMap(scenario =>
    [scenario, ...(scenario.also ?? [])].map(({ name, unit, better, summary }) => [
      name,
      scenario.group,
      unit,
      better === 'lower' ? `${summary} (less is better)` : summary,
    ]),
  )
  const lines = aligned([['SCENARIO', 'GROUP', 'UNIT', 'WHAT'], ...rows], new Set())
  return `${lines.flat().join('\n')}\n`
}
