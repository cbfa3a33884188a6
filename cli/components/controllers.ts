// `raftsman controllers`: scheduler and controllers of one master in one process.

import type { Command } from 'commander'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { runComponent, tlsFlags } from './component.js'
import {
  type ControllerFlags,
  controllerFlags,
  loopFlags,
  runControllers,
  runScheduler,
  schedulerConfigFlag,
} from './control-loops.js'
import { listenFlag, servingTlsFlags } from './loop-server.js'

interface Flags extends ControllerFlags {
  readonly controllerManagerListen?: string
  readonly schedulerListen?: string
}

export function define(command: Command): void {
  controllerFlags(loopFlags(command))
  tlsFlags(command, 'controller-manager-', 'of system:kube-controller-manager')
  tlsFlags(command, 'scheduler-', 'of system:kube-scheduler')
  listenFlag(listenFlag(command, 'controller-manager-'), 'scheduler-')
  servingTlsFlags(command)
  schedulerConfigFlag(command, 'scheduler-')
  command.action((flags: Flags) =>
    runComponent('controllers', flags, async parts => {
      const { controllerManagerListen, schedulerListen, schedulerConfig } = flags
      const controllers = await runControllers(
        flags,
        'controllerManager',
        controllerManagerListen,
        parts,
      )
      // Each port tells of its own.
      const own = { ...parts, metrics: nodeMetrics() }
      const scheduler = await runScheduler(
        flags,
        'scheduler',
        schedulerListen,
        schedulerConfig,
        own,
      )
      return {
        async stop() {
          await Promise.all([controllers.stop(), scheduler.stop()])
        },
      }
    }),
  )
}
