// Every service of etcd that a member offers, one file each. What is in none of them is answered
// `unimplemented`.

import type { RpcMethods, RpcObserver } from '../../platform/rpc.js'
import type { StoreServerOptions } from '../server/options.js'
import { AnswerBudget } from './answer-budget.js'
import { authMethods } from './auth.js'
import { alarmMethods } from './alarm.js'
import { callMetrics, versionMetrics } from './call-metrics.js'
import { clusterMethods } from './cluster.js'
import { etcdVersion } from './context.js'
import type { EtcdContext } from './context.js'
import { kvMethods } from './kv.js'
import { electionMethods } from './election.js'
import { LeaderGuard } from './leader-guard.js'
import { leaseMethods } from './lease.js'
import { lockMethods } from './lock.js'
import { maintenanceMethods } from './maintenance.js'
import { WatchService } from './watch.js'

export interface EtcdServices {
  readonly methods: RpcMethods
  readonly observer: RpcObserver
  /** Of etcd's API. */
  readonly version: string
  readonly watchStreams: number
  /** Ends the streams, so that their clients go on elsewhere. */
  close(): void
}

export type EtcdParts = Omit<EtcdContext, 'leaderGuard' | 'answers'>

export function etcdServices(parts: EtcdParts): EtcdServices {
  const { clock, options, service } = parts
  const electionMs = electionMsOf(options)
  const hasLeader = () => service.softState.leader !== 0
  const leaderGuard = new LeaderGuard({ clock, electionMs, hasLeader })
  const context: EtcdContext = { ...parts, leaderGuard, answers: new AnswerBudget() }
  const watch = new WatchService(context)
  const methods = new Map([
    ...kvMethods(context),
    ...watch.methods(),
    ...leaseMethods(context),
    ...lockMethods(context),
    ...electionMethods(context),
    ...clusterMethods(context),
    ...authMethods(context),
    ...maintenanceMethods(context),
    ...alarmMethods(context),
  ])
  versionMetrics(options.metrics)
  return {
    methods,
    version: etcdVersion,
    observer: callMetrics(options.metrics, clock, methods.keys()),
    get watchStreams() {
      return watch.streams
    },
    close() {
      watch.close()
      leaderGuard.close()
    },
  }
}

function electionMsOf({ tickMs = 100, electionTicks = 10 }: StoreServerOptions): number {
  return tickMs * electionTicks
}
