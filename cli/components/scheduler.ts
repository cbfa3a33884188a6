// `raftsman scheduler`: the scheduler alone.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import { loopFlags, type LoopFlags, runScheduler } from './control-loops.js'

export function define(command: Command): void {
  tlsFlags(loopFlags(command), '', 'of system:kube-scheduler')
  command.action((flags: LoopFlags) =>
    runComponent('scheduler', flags, parts => runScheduler(flags, '', parts)),
  )
}
