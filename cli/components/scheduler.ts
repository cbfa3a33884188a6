// `raftsman scheduler`: the scheduler alone.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import {
  loopFlags,
  runScheduler,
  schedulerConfigFlag,
  type SchedulerFlags,
} from './control-loops.js'
import { listenFlag, servingTlsFlags } from './loop-server.js'

export function define(command: Command): void {
  tlsFlags(loopFlags(command), '', 'of system:kube-scheduler')
  servingTlsFlags(listenFlag(command, ''))
  schedulerConfigFlag(command, '')
  command.action((flags: SchedulerFlags & { readonly listen?: string }) =>
    runComponent('scheduler', flags, parts =>
      runScheduler(flags, '', flags.listen, flags.config, parts),
    ),
  )
}
