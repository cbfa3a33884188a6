// `raftsman move-leader ID`: hands leadership to another member, by way of any.

import type { Command } from 'commander'
import { memberId } from './member.js'
import { hex, print } from './output.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { withStore } from './store-command.js'

export function define(command: Command): void {
  storeFlags(command)
    .argument('<id>', 'of the member that is to lead')
    .action((id: string, flags: StoreFlags) =>
      withStore(flags, async store => {
        const { leader } = await store.status()
        await store.moveLeader(memberId(id))
        print([`Leadership transferred from ${hex(leader)} to ${id}`])
      }),
    )
}
