// What the services of etcd see of a member.

import type { Clock } from '../../platform/clock.js'
import type { Replica as Machine } from '../core/replica.js'
import type { ResponseHeader } from '../core/types.js'
import type { StoreServerOptions } from '../server/options.js'
import type { StoreService } from '../server/service.js'
import type { AnswerBudget } from './answer-budget.js'
import type { LeaderGuard } from './leader-guard.js'

export interface EtcdContext {
  readonly service: StoreService
  readonly machine: Machine
  readonly options: StoreServerOptions
  readonly clock: Clock
  readonly leaderGuard: LeaderGuard
  readonly answers: AnswerBudget
}

/**
 * The version of etcd whose API is served, which clients go by when they choose what to ask for. Ours
 * is in /version.
 */
export const etcdVersion = '3.7.0'

/** Of an answer that the state machine did not make. */
export function headerNow(context: EtcdContext): ResponseHeader {
  return context.machine.header(context.service.softState.term)
}
