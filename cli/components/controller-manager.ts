// `raftsman controller-manager`: the controllers alone.

import type { Command } from 'commander'
import { runComponent, tlsFlags } from './component.js'
import {
  type ControllerFlags,
  controllerFlags,
  loopFlags,
  runControllers,
} from './control-loops.js'
import { listenFlag, servingTlsFlags } from './loop-server.js'

export function define(command: Command): void {
  tlsFlags(controllerFlags(loopFlags(command)), '', 'of system:kube-controller-manager')
  servingTlsFlags(listenFlag(command, ''))
  command.action((flags: ControllerFlags & { readonly listen?: string }) =>
    runComponent('controller-manager', flags, parts =>
      runControllers(flags, '', flags.listen, parts),
    ),
  )
}
