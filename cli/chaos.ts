// `raftsman chaos …`: failures on purpose. `simulate` runs the shipping code on a virtual clock, `mutants`
// asks how many mistakes that would find, `run` attacks real processes.

import type { Command } from 'commander'
import { defineMutants } from './chaos/mutants.js'
import { defineRun } from './chaos/run.js'
import { defineSimulate } from './chaos/simulate.js'

export function define(command: Command): void {
  defineSimulate(
    command.command('simulate').description('deterministic simulation of a cluster from seeds'),
  )
  defineRun(
    command.command('run').description('attacks real processes of a store, and judges the answers'),
  )
  defineMutants(
    command.command('mutants').description('mistakes put into the code, which seeds must find'),
  )
}
