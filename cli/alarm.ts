// `raftsman alarm …`: what is wrong with the store, and that it has been seen to. As in etcdctl.

import type { Command } from 'commander'
import type { Alarm, AlarmKind, ResponseHeader } from '../store/core/types.js'
import { headerOnlyJson } from './kv/print.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { output, withStore } from './store-command.js'

/** Position is etcd's number. */
const kinds: readonly AlarmKind[] = ['none', 'nospace', 'corrupt']
const everything = { action: 'get', kind: 'none', member: 0 } as const

export function define(command: Command): void {
  storeFlags(command.command('list').description('alarms that are on')).action(
    (flags: StoreFlags) =>
      withStore(flags, async store => {
        const { header, alarms } = await store.alarm(everything)
        show(flags, header, alarms)
      }),
  )
  storeFlags(command.command('disarm').description('turn all alarms off')).action(
    (flags: StoreFlags) =>
      withStore(flags, async store => {
        let { header, alarms } = await store.alarm(everything)
        const off: Alarm[] = []
        for (const alarm of alarms) {
          const answer = await store.alarm({ action: 'deactivate', ...alarm })
          header = answer.header
          off.push(...answer.alarms)
        }
        show(flags, header, off)
      }),
  )
}

function show(flags: StoreFlags, header: ResponseHeader, alarms: readonly Alarm[]): void {
  output(
    flags,
    () => ({
      ...headerOnlyJson({ header }),
      alarms: alarms.map(({ kind, member }) => ({ memberID: member, alarm: kinds.indexOf(kind) })),
    }),
    () => alarms.map(({ kind, member }) => `memberID:${member} alarm:${kind.toUpperCase()}`),
  )
}
