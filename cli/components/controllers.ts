// `raftsman controllers`: scheduler and controllers of one master in one process.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import {
  type ControllerFlags,
  controllerFlags,
  loopFlags,
  runControllers,
  runScheduler,
} from './control-loops.js'

export function define(command: Command): void {
  controllerFlags(loopFlags(command))
  tlsFlags(command, 'controller-manager-', 'of system:kube-controller-manager')
  tlsFlags(command, 'scheduler-', 'of system:kube-scheduler')
  command.action((flags: ControllerFlags) =>
    runComponent('controllers', flags, async parts => {
      const controllers = await runControllers(flags, 'controllerManager', parts)
      const scheduler = await runScheduler(flags, 'scheduler', parts)
      return {
        async stop() {
          await Promise.all([controllers.stop(), scheduler.stop()])
        },
      }
    }),
  )
}
