// `raftsman controller-manager`: the controllers alone.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import {
  type ControllerFlags,
  controllerFlags,
  loopFlags,
  runControllers,
} from './control-loops.js'

export function define(command: Command): void {
  tlsFlags(controllerFlags(loopFlags(command)), '', 'of system:kube-controller-manager')
  command.action((flags: ControllerFlags) =>
    runComponent('controller-manager', flags, parts => runControllers(flags, '', parts)),
  )
}
