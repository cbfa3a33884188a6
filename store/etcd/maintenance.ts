// etcd's Maintenance service: how a member is.

import type { RpcMethod } from '../../platform/rpc.js'
import { alarmText } from './alarm.js'
import { unary } from './calls.js'
import { etcdVersion } from './context.js'
import type { EtcdContext } from './context.js'
import * as messages from './messages/maintenance.js'

export function maintenanceMethods(
  context: EtcdContext,
): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.Maintenance/Status',
      unary(
        context,
        messages.StatusRequest,
        () => ({ kind: 'status', id: 0 }),
        ({ response }) =>
          messages.StatusResponse.encode({
            header: response.header,
            version: etcdVersion,
            storageVersion: etcdVersion,
            dbSize: response.dbSizeBytes,
            dbSizeInUse: response.dbSizeBytes,
            leader: response.leader,
            raftIndex: response.commitIndex,
            raftTerm: response.raftTerm,
            raftAppliedIndex: response.appliedIndex,
            errors: context.machine.alarms.list().map(alarmText),
          }),
      ),
    ],
  ]
}
