// `raftsman up`: the cluster in the foreground, or with --detach in a process of its own.

import { type Command, InvalidArgumentError } from 'commander'
import { startDetached } from './cluster/detach.js'
import { Layout, mastersMax, nodesMax } from './cluster/layout.js'
import { checkDirectory, settleOptions } from './cluster/preflight.js'
import { ensureNotRunning, runCluster } from './cluster/run.js'
import { introduction, ProgressPrinter, type Progress } from './cluster/progress.js'
import { retentionMs } from './span.js'
import { UserError } from './user-error.js'

interface Flags {
  readonly masters?: number
  readonly nodes?: number
  readonly portOffset?: number
  readonly runtime: string
  readonly tls: boolean
  readonly history?: number | null
  readonly detach?: boolean
  readonly dataDir: string
  readonly background?: boolean
}

function count(what: string, min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`${what} is a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

function masterCount(text: string): number {
  const value = count('It', 1, mastersMax)(text)
  if (value % 2 === 0) {
    throw new InvalidArgumentError(
      'An even number of masters survives no more failures than one less: take 1, 3 or 5.',
    )
  }
  return value
}

export function define(command: Command): void {
  command
    .option('--masters <count>', 'masters: 1, 3 or 5 (default: 3)', masterCount)
    .option('--nodes <count>', 'nodes (default: 2)', count('It', 0, nodesMax))
    .option('--runtime <name>', 'container runtime: auto or process', 'auto')
    .option('--port-offset <number>', 'added to every port (default: 0)', count('It', 0, 9000))
    .option(
      '--history <time>',
      'how long the past can be read: 30m, 7d, forever (default: 1h)',
      retentionMs,
    )
    .option('--detach', 'return when the cluster is ready; it goes on in the background')
    .option('--no-tls', 'plain store client ports, for quick tries with other clients')
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .addHelpText(
      'after',
      `
Flags that are not given keep the values of the last start in this data
directory. Stop it with Ctrl-C, or with \`raftsman down\` when detached.`,
    )
    .option('--background', 'how --detach starts the process behind it')
    .action(up)
  for (const option of command.options) {
    if (option.long === '--background') option.hideHelp()
  }
}

async function up(flags: Flags): Promise<void> {
  if (flags.runtime === 'cri') {
    throw new UserError(
      'The nodes of `raftsman up` run pods by the embedded runtime. For containerd, start a node with `raftsman node --runtime cri`: docs/runtimes.md.',
    )
  }
  if (flags.runtime !== 'auto' && flags.runtime !== 'process') {
    throw new UserError(`There is no runtime "${flags.runtime}": auto and process are built in.`)
  }
  const layout = new Layout(flags.dataDir)
  checkDirectory(layout)
  ensureNotRunning(layout)
  const options = settleOptions(layout, {
    masters: flags.masters,
    nodes: flags.nodes,
    portOffset: flags.portOffset,
    storeTls: flags.tls,
    historyMs: flags.history,
  })
  if (flags.background === true) {
    await runCluster(layout, options, reportToParent)
    return
  }
  const printer = new ProgressPrinter(process.stderr)
  printer.line(introduction(options, layout))
  const report = (progress: Progress): void => printer.report(progress)
  if (flags.detach === true) await startDetached(layout, process.argv.slice(2), report)
  else await runCluster(layout, options, report)
}

/** The process behind --detach: its parent prints what it tells, as long as there is a parent. */
function reportToParent(progress: Progress): void {
  if (process.connected) process.send?.(progress)
}
