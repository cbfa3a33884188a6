// Every service of etcd that a member offers, one file each. What is in none of them is answered
// `unimplemented`.

import type { RpcMethods } from '../../platform/rpc.js'
import { authMethods } from './auth.js'
import { alarmMethods } from './alarm.js'
import { clusterMethods } from './cluster.js'
import type { EtcdContext } from './context.js'
import { kvMethods } from './kv.js'
import { leaseMethods } from './lease.js'
import { maintenanceMethods } from './maintenance.js'

export function etcdMethods(context: EtcdContext): RpcMethods {
  return new Map([
    ...kvMethods(context),
    ...leaseMethods(context),
    ...clusterMethods(context),
    ...authMethods(context),
    ...maintenanceMethods(context),
    ...alarmMethods(context),
  ])
}
