// `raftsman chaos …`: failures on purpose. `simulate` runs the shipping code on a virtual clock.

import type { Command } from 'commander'
import { defineSimulate } from './chaos/simulate.js'

export function define(command: Command): void {
  defineSimulate(
    command.command('simulate').description('deterministic simulation of a cluster from seeds'),
  )
}
