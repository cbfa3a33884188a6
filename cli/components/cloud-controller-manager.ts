// `raftsman cloud-controller-manager`: the cloud controllers alone.

import type { Command } from 'commander'
import { cloudFlags, type CloudFlags, runCloudControllers } from './cloud-controllers.js'
import { runComponent, tlsFlags } from './component.js'
import { loopFlags } from './control-loops.js'
import { listenFlag, servingTlsFlags } from './loop-server.js'
import { UserError } from '../user-error.js'

type Flags = Omit<CloudFlags, 'cloudConfig'> & {
  readonly cloudConfig?: string
  readonly listen?: string
}

export function define(command: Command): void {
  tlsFlags(loopFlags(command), '', 'of system:cloud-controller-manager')
  cloudFlags(servingTlsFlags(listenFlag(command, '')))
  command.action((flags: Flags) =>
    runComponent('cloud-controller-manager', flags, parts => {
      const { cloudConfig } = flags
      if (cloudConfig === undefined) throw new UserError('--cloud-config is needed.')
      return runCloudControllers({ ...flags, cloudConfig }, '', flags.listen, parts)
    }),
  )
}
