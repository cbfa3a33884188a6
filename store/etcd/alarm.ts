// Alarms and downgrades of etcd's Maintenance service. A downgrade is told in our releases, not in
// etcd's: what it is about is what our members understand of one another.

import type { RpcMethod } from '../../platform/rpc.js'
import { StoreError } from '../core/errors.js'
import type { Alarm, AlarmKind } from '../core/types.js'
import { unary } from './calls.js'
import type { EtcdContext } from './context.js'
import * as messages from './messages/maintenance.js'

const alarmActions = ['get', 'activate', 'deactivate'] as const
const alarmKinds: readonly AlarmKind[] = ['none', 'nospace', 'corrupt']
const downgradeActions = ['validate', 'downgrade', 'cancel'] as const

export function alarmMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.Maintenance/Alarm',
      unary(
        context,
        messages.AlarmRequest,
        ({ action, memberID, alarm }) => {
          const request = {
            action: chosen(alarmActions, action),
            kind: chosen(alarmKinds, alarm),
            member: memberID,
          }
          return { kind: 'alarm', id: 0, request }
        },
        ({ response: { header, alarms } }) =>
          messages.AlarmResponse.encode({ header, alarms: alarms.map(alarmMessage) }),
      ),
    ],
    [
      '/etcdserverpb.Maintenance/Downgrade',
      unary(
        context,
        messages.DowngradeRequest,
        ({ action, version }) => {
          const request = { action: chosen(downgradeActions, action), target: version }
          return { kind: 'clusterVersion', id: 0, request }
        },
        ({ response: { header, release } }) =>
          messages.DowngradeResponse.encode({ header, version: release }),
      ),
    ],
  ]
}

/** As etcd's status tells them. */
export function alarmText({ kind, member }: Alarm): string {
  const id = member === 0 ? '' : `memberID:${member} `
  return `${id}${kind === 'none' ? '' : `alarm:${kind.toUpperCase()} `}`
}

function alarmMessage({ kind, member }: Alarm) {
  return { memberID: member, alarm: alarmKinds.indexOf(kind) }
}

function chosen<T>(choices: readonly T[], number: number): T {
  const choice = choices[number]
  if (choice === undefined) throw new StoreError('malformed', `${number} is no choice`)
  return choice
}
