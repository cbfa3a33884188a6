// What the services of etcd see of a member.

import type { Clock } from '../../platform/clock.js'
import type { RpcCall } from '../../platform/rpc.js'
import type { Replica as Machine } from '../core/replica.js'
import type { ResponseHeader } from '../core/types.js'
import type { StoreServerOptions } from '../server/options.js'
import type { StoreService } from '../server/service.js'
import { noLeader } from './status.js'

export interface EtcdContext {
  readonly service: StoreService
  readonly machine: Machine
  readonly options: StoreServerOptions
  readonly clock: Clock
}

/**
 * The version of etcd whose API is served, which clients go by when they choose what to ask for. Ours
 * is in /version.
 */
export const etcdVersion = '3.7.0'

/** A client may ask to be refused rather than to wait for a leader. True: it has been. */
export function refusedWithoutLeader(context: EtcdContext, call: RpcCall): boolean {
  if (call.metadata('hasleader') !== 'true') return false
  if (context.service.softState.leader !== 0) return false
  call.end(noLeader.code, noLeader.message)
  return true
}

/** Of an answer that the state machine did not make. */
export function headerNow(context: EtcdContext): ResponseHeader {
  return context.machine.header(context.service.softState.term)
}
