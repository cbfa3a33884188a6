// `raftsman bench SCENARIO…`: plays scenarios on clusters of its own and prints a table, or JSON. Ctrl-C
// ends what runs and prints what there is. Exit code 0 only when every scenario came to a figure.

import { type Command, Option } from 'commander'
import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileSystemOf, isInMemory } from '../../bench/harness/machine.js'
import { StopSwitch } from '../../bench/harness/stop.js'
import { htmlOf } from '../../bench/run/html.js'
import type { BenchReport } from '../../bench/run/report.js'
import { runBench } from '../../bench/run/run.js'
import { scenariosOf } from '../../bench/scenarios/registry.js'
import type { Scenario, Setting } from '../../bench/scenarios/scenario.js'
import { etcdSide } from '../../bench/sides/etcd.js'
import { raftsmanSide } from '../../bench/sides/raftsman.js'
import { nodeClock } from '../../platform/node/clock.js'
import { UserError } from '../user-error.js'
import { tableOf } from './table.js'

interface RunFlags {
  readonly against?: 'etcd'
  readonly members: number
  readonly clients?: number
  readonly valueBytes?: number
  readonly seconds?: number
  readonly repetitions?: number
  readonly rate?: number
  readonly quick?: boolean
  readonly dataDir?: string
  readonly report?: string
  readonly profile?: string
  readonly output: 'text' | 'json'
}

const usual = {
  seconds: 4,
  warmUpSeconds: 1,
  serverWarmUpSeconds: 8,
  repetitions: 3,
}
const quick = { seconds: 1, warmUpSeconds: 1, serverWarmUpSeconds: 2, repetitions: 1 }

const valueBytesMax = 1024 * 1024
const clientsMax = 10_000

const number =
  (flag: string, min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < min || value > max)
      throw new UserError(`${flag} takes a whole number from ${min} to ${max}, not "${text}".`)
    return value
  }

export function defineRun(command: Command): void {
  command
    .argument('[scenario...]', 'by name or group, all when absent; `raftsman bench list` has them')
    .addOption(
      new Option(
        '--against <store>',
        'the same on a real etcd (ETCD_BIN names its binary)',
      ).choices(['etcd']),
    )
    .option('--members <count>', 'of every cluster', number('--members', 1, 9), 3)
    .option('--clients <count>', 'connections', number('--clients', 1, clientsMax))
    .option('--value-bytes <bytes>', 'length of values', number('--value-bytes', 1, valueBytesMax))
    .option(
      '--seconds <seconds>',
      `length of what is measured (${usual.seconds})`,
      number('--seconds', 1, 3_600),
    )
    .option(
      '--repetitions <count>',
      `how often (${usual.repetitions}, what takes minutes once)`,
      number('--repetitions', 1, 100),
    )
    .option(
      '--rate <rate>',
      'operations a second, whatever the server does: latency then counts from when each was due',
      number('--rate', 1, 10_000_000),
    )
    .option('--quick', 'a first impression: one second each, once, with less data')
    .option(
      '--data-dir <folder>',
      'members keep their data below it (a folder for temporary files)',
    )
    .option(
      '--profile <folder>',
      'every process leaves CPU and heap profiles there; figures are then not for comparing',
    )
    .option('--report <file>', 'write a page with curves there, HTML that needs nothing else')
    .addOption(
      new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action(benchRun)
}

async function benchRun(words: readonly string[], flags: RunFlags): Promise<void> {
  const scenarios = named(words, flags.quick === true)
  for (const setting of ['clients', 'valueBytes', 'rate'] as const) {
    if (flags[setting] !== undefined) refuseStrangers(scenarios, setting)
  }
  const parent = dataFolder(flags.dataDir)
  // Before an hour has passed, not after it.
  if (flags.report !== undefined) writePage(flags.report, '')
  const text = flags.output === 'text'
  const stop = new StopSwitch()
  const interrupt = () => {
    // A second one ends at once; members end with this process.
    if (stop.stopped) process.exit(130)
    process.stderr.write('\nending; once more to end at once\n')
    stop.stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt)
  const how = flags.quick === true ? quick : usual
  const report = await runBench({
    scenarios,
    sides: flags.against === undefined ? [raftsmanSide] : [raftsmanSide, etcdSide],
    members: flags.members,
    repetitions: flags.repetitions ?? how.repetitions,
    repeatsLong: flags.repetitions !== undefined,
    settings: {
      clients: flags.clients ?? null,
      valueBytes: flags.valueBytes ?? null,
      rate: flags.rate ?? null,
      seconds: flags.seconds ?? how.seconds,
      warmUpSeconds: how.warmUpSeconds,
      serverWarmUpSeconds: how.serverWarmUpSeconds,
      quick: flags.quick === true,
    },
    parent,
    ...(flags.profile === undefined ? {} : { profileFolder: madeFolder(flags.profile) }),
    clock: nodeClock(),
    stop,
    say: line => {
      process.stderr.write(process.stderr.isTTY ? `\r${line} \x1b[K` : `${line}\n`)
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  if (flags.report !== undefined) writePage(flags.report, htmlOf(report))
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  process.stdout.write(text ? `${tableOf(report).join('\n')}\n` : `${JSON.stringify(report)}\n`)
  process.exitCode = isWhole(report) ? 0 : 1
}

function named(words: readonly string[], isQuick: boolean): readonly Scenario[] {
  const found = scenariosOf(words, isQuick)
  if (typeof found !== 'string') return found
  throw new UserError(
    `There is no scenario and no group "${found}"; "raftsman bench list" has those that there are.`,
  )
}

const flagOf: Readonly<Record<Setting, string>> = {
  clients: '--clients',
  valueBytes: '--value-bytes',
  rate: '--rate',
}

function refuseStrangers(scenarios: readonly Scenario[], setting: Setting): void {
  const strangers = scenarios.filter(({ takes }) => !takes.has(setting)).map(({ name }) => name)
  if (strangers.length === 0) return
  throw new UserError(
    `${flagOf[setting]} means nothing to ${strangers.join(', ')}; name scenarios that take it.`,
  )
}

function dataFolder(folder: string | undefined): string {
  const parent = madeFolder(folder ?? tmpdir())
  if (isInMemory(fileSystemOf(parent))) {
    throw new UserError(
      `${parent} lies in memory, where syncing a log costs nothing: name a folder on a disk with --data-dir.`,
    )
  }
  const { bavail, bsize } = statfsSync(parent)
  if (bavail * bsize < freeBytesMin) {
    const free = Math.floor((bavail * bsize) / 1024 ** 2)
    throw new UserError(
      `${parent} has ${free} MiB free, and the members of a scenario need 2,048: name another folder with --data-dir.`,
    )
  }
  return parent
}

/** Logs and files of three members for the longest of the plain rows. */
const freeBytesMin = 2 * 1024 ** 3

function madeFolder(folder: string): string {
  try {
    makeWithParents(resolve(folder))
    return resolve(folder)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UserError(`The folder ${folder} cannot be made: ${why}.`)
  }
}

/** Node's own recursive way never comes back where a file system says that a folder in it is not there. */
function makeWithParents(folder: string): void {
  if (existsSync(folder)) return
  const parent = dirname(folder)
  if (!existsSync(parent)) makeWithParents(parent)
  mkdirSync(folder)
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UserError(`The report cannot be written to ${file}: ${why}.`)
  }
}

function isWhole({ interrupted, scenarios }: BenchReport): boolean {
  return !interrupted && scenarios.every(({ failures }) => failures.length === 0)
}
