// `raftsman chaos run`: real processes of a store of three members are attacked while clients write, and
// every answer is judged afterwards. Exit code 0 only for a valid run.

import { type Command, Option } from 'commander'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workloads } from '../../chaos/run/clients.js'
import type { WorkloadName } from '../../chaos/run/clients.js'
import { nemeses } from '../../chaos/run/nemesis.js'
import type { NemesisName } from '../../chaos/run/nemesis.js'
import type { RunResult } from '../../chaos/run/run.js'
import { run } from '../../chaos/run/run.js'
import { nodeRandom } from '../../platform/node/random.js'
import { UserError } from '../user-error.js'

interface RunFlags {
  readonly workload: WorkloadName
  readonly nemesis: NemesisName
  readonly seconds?: number
  readonly strikes?: number
  readonly seed?: number
  readonly report?: string
  readonly output: 'text' | 'json'
}

const secondsUsual = 60
const seedBound = 2 ** 32

const number =
  (flag: string) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new UserError(`${flag} takes a whole number, not "${text}".`)
    return value
  }

export function defineRun(command: Command): void {
  command
    .addOption(
      new Option('--workload <workload>', 'what clients do').choices(workloads).default('register'),
    )
    .addOption(
      new Option('--nemesis <nemesis>', 'what is done to the members')
        .choices(nemeses)
        .default('kill-all'),
    )
    .option('--seconds <seconds>', `for so long (${secondsUsual})`, number('--seconds'))
    .option('--strikes <count>', 'or until it was done so often', number('--strikes'))
    .option('--seed <seed>', 'of what is drawn; the clock of the machine is not', number('--seed'))
    .option('--report <directory>', 'write the history there, as JSON lines, and the verdict')
    .addOption(
      new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action(chaosRun)
}

async function chaosRun(flags: RunFlags): Promise<void> {
  const text = flags.output === 'text'
  const seed = flags.seed ?? nodeRandom().integer(seedBound)
  if (text) process.stdout.write(`seed ${seed}\n`)
  const result = await run({
    workload: flags.workload,
    nemesis: flags.nemesis,
    strikes: flags.strikes ?? Number.POSITIVE_INFINITY,
    seconds: flags.seconds ?? (flags.strikes === undefined ? secondsUsual : 86_400),
    seed,
    say: line => {
      if (text) process.stderr.write(`${line}\n`)
    },
  })
  const { history, ...verdict } = result
  if (flags.report !== undefined) {
    mkdirSync(flags.report, { recursive: true })
    const lines = history.map(operation => JSON.stringify(operation))
    writeFileSync(join(flags.report, 'history.jsonl'), `${lines.join('\n')}\n`)
    writeFileSync(join(flags.report, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`)
  }
  process.stdout.write(text ? `${linesOf(result).join('\n')}\n` : `${JSON.stringify(verdict)}\n`)
  process.exitCode = result.verdict === 'valid' ? 0 : 1
}

function linesOf(result: RunResult): readonly string[] {
  const { operations, acknowledged, unknown, revision, faults, errors, checks } = result
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none'
  return [
    `operations  ${operations}, ${acknowledged} writes acknowledged, ${unknown} of unknown outcome`,
    `revision    ${revision}`,
    `faults      ${counts(faults)}`,
    `errors      ${counts(errors)}`,
    ...checks.map(
      ({ name, verdict, detail }) => `${verdict.padEnd(11)} ${name}${detail && `: ${detail}`}`,
    ),
    `verdict     ${result.verdict} after ${result.elapsedSeconds} s`,
  ]
}
