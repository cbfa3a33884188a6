// `raftsman start NAME`: the end of `raftsman stop NAME`.

import type { Command } from 'commander'
import { rmSync } from 'node:fs'
import { nodeProcesses } from '../platform/node/processes.js'
import { Layout } from './cluster/layout.js'
import { checkMember, runningSupervisor } from './cluster/members.js'

export function define(command: Command): void {
  command
    .argument('<name>', 'a master or node that was stopped')
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .action(start)
}

function start(name: string, flags: { readonly dataDir: string }): void {
  const layout = new Layout(flags.dataDir)
  const processes = nodeProcesses()
  const supervisor = runningSupervisor(layout, processes)
  checkMember(layout, name)
  rmSync(layout.stoppedFile(name), { force: true })
  processes.signal(supervisor, 'SIGUSR2')
  process.stderr.write(`${name} is started.\n`)
}
