// `raftsman down`: stops the cluster of a data directory, whatever state it is in.

import type { Command } from 'commander'
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { nodeClock } from '../platform/node/clock.js'
import { nodeProcesses } from '../platform/node/processes.js'
import { Layout } from './cluster/layout.js'
import { reapAllPods } from './cluster/pods.js'
import { readSupervisor, removeRecord } from './cluster/process-files.js'
import { shortPath } from './cluster/progress.js'
import { isAlive, sweep, waitUntilGone } from './cluster/sweep.js'
import { UserError } from './user-error.js'

/** Longer than the supervisor itself grants its children. */
const stopMsMax = 100_000

export function define(command: Command): void {
  command
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .option('--purge', 'remove the data as well')
    .action(down)
}

async function down(flags: { readonly dataDir: string; readonly purge?: boolean }): Promise<void> {
  const layout = new Layout(flags.dataDir)
  const processes = nodeProcesses()
  const clock = nodeClock()
  const record = readSupervisor(layout.supervisorFile)
  const running = record !== null && isAlive(processes, record)
  if (running) {
    process.stderr.write('Stopping: nodes, controllers, API servers, stores …\n')
    processes.signal(record, 'SIGTERM')
    if (!(await waitUntilGone(processes, clock, record, stopMsMax))) {
      throw new UserError(
        `The supervisor (pid ${record.pid}) does not end; see ${layout.logFile('supervisor')}.`,
      )
    }
  }
  removeRecord(layout.supervisorFile)
  const left = await sweep(layout, processes, clock)
  const pods = await reapAllPods(layout, processes, clock)
  if (flags.purge === true) purge(layout)
  const what =
    running || left + pods > 0
      ? 'Stopped.'
      : `No cluster is running from ${shortPath(layout.directory)}.`
  const data = flags.purge === true ? ' The data is removed.' : ''
  process.stderr.write(`${what}${data}\n`)
}

/** Removes what is ours, by name, and the folder only if nothing else is in it. */
function purge(layout: Layout): void {
  const ours = ['masters', 'nodes', 'pki', 'logs', 'run', 'kubeconfig', 'cluster.json']
  for (const name of ours) rmSync(`${layout.directory}/${name}`, { recursive: true, force: true })
  if (existsSync(layout.directory) && readdirSync(layout.directory).length === 0)
    rmdirSync(layout.directory)
}
