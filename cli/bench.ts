// `raftsman bench …`: what the store does in a second, beside a real etcd that does the same work.

import type { Command } from 'commander'
import { defineList } from './bench/list.js'
import { defineRun } from './bench/run.js'

export function define(command: Command): void {
  defineRun(command)
  defineList(command.command('list').description('the scenarios that there are'))
}
