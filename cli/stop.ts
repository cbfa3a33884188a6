// `raftsman stop NAME`: takes one master or node down and keeps it down, as a dead machine would be.

import { type Command, Option } from 'commander'
import { writeFileSync } from 'node:fs'
import { nodeClock } from '../platform/node/clock.js'
import { nodeProcesses } from '../platform/node/processes.js'
import { Layout } from './cluster/layout.js'
import { processesOf, runningSupervisor } from './cluster/members.js'
import { reapPodsOf } from './cluster/pods.js'
import { waitUntilGone } from './cluster/sweep.js'

const endMsMax = 60_000

export function define(command: Command): void {
  command
    .argument('<name>', 'a master or node, as in "master-1" or "node-2"')
    .addOption(
      new Option('--signal <name>', 'KILL is the death of the machine, with all its pods')
        .choices(['TERM', 'KILL'])
        .default('TERM'),
    )
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .action(stop)
}

interface Flags {
  readonly signal: 'TERM' | 'KILL'
  readonly dataDir: string
}

async function stop(name: string, flags: Flags): Promise<void> {
  const layout = new Layout(flags.dataDir)
  const processes = nodeProcesses()
  const clock = nodeClock()
  const supervisor = runningSupervisor(layout, processes)
  const records = processesOf(layout, name, processes)
  // First the word to the supervisor, then the signal: otherwise it starts them again in between.
  writeFileSync(layout.stoppedFile(name), '', { mode: 0o600 })
  processes.signal(supervisor, 'SIGUSR2')
  for (const record of records)
    processes.signal(record, flags.signal === 'KILL' ? 'SIGKILL' : 'SIGTERM')
  await Promise.all(records.map(record => waitUntilGone(processes, clock, record, endMsMax)))
  if (flags.signal === 'KILL') await reapPodsOf(layout, name, processes, clock)
  process.stderr.write(`${name} is stopped; \`raftsman start ${name}\` brings it back.\n`)
}
