// `raftsman scheduler`: the scheduler alone.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import { loopFlags, type LoopFlags, runScheduler } from './control-loops.js'
import { listenFlag, servingTlsFlags } from './loop-server.js'

export function define(command: Command): void {
  tlsFlags(loopFlags(command), '', 'of system:kube-scheduler')
  servingTlsFlags(listenFlag(command, ''))
  command.action((flags: LoopFlags & { readonly listen?: string }) =>
    runComponent('scheduler', flags, parts => runScheduler(flags, '', flags.listen, parts)),
  )
}
