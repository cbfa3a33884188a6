// `raftsman controllers`: scheduler, controllers and cloud controllers of one master in one process.

import type { Command } from 'commander'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { type ComponentParts, runComponent, type Running, tlsFlags } from './component.js'
import { cloudFlags, runCloudControllers } from './cloud-controllers.js'
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
  readonly cloudControllerManagerListen?: string
  readonly cloudConfig?: string
  readonly cloudProvider: string
}

export function define(command: Command): void {
  controllerFlags(loopFlags(command))
  tlsFlags(command, 'controller-manager-', 'of system:kube-controller-manager')
  tlsFlags(command, 'scheduler-', 'of system:kube-scheduler')
  tlsFlags(command, 'cloud-controller-manager-', 'of system:cloud-controller-manager')
  cloudFlags(command)
  for (const part of ['controller-manager-', 'scheduler-', 'cloud-controller-manager-'])
    listenFlag(command, part)
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
      const cloud = await cloudOf(flags, parts)
      return {
        async stop() {
          await Promise.all([controllers.stop(), scheduler.stop(), cloud?.stop()])
        },
      }
    }),
  )
}

/** Null where there is no cloud. */
function cloudOf(flags: Flags, parts: ComponentParts): Promise<Running> | null {
  const { cloudConfig, cloudControllerManagerListen: listen } = flags
  if (cloudConfig === undefined) return null
  const own = { ...parts, metrics: nodeMetrics() }
  return runCloudControllers({ ...flags, cloudConfig }, 'cloudControllerManager', listen, own)
}
