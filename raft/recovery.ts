// From a directory to what a node starts from: opens the log, judges what it holds against the state
// machine, and writes a first membership, or the end of an interrupted restore, before anything else.
// Counterpart: bootstrap of etcd's server.

import { must } from '../platform/errors.js'
import type { RaftsmanError } from '../platform/errors.js'
import type { InitialState } from './initial-state.js'
import { initialState } from './initial-state.js'
import type { RaftNodeOptions } from './node-types.js'
import { RaftLog, segmentBytesUsual } from './storage/log.js'

/** Of applied entries in memory; older ones are read from disk for a follower that needs them. */
export const cachedBytesUsual = 32 * 1024 * 1024

export interface OpenedLog {
  readonly log: RaftLog
  readonly initial: InitialState
  /** Of this node's own entries in the log; 0 for none. */
  readonly highestSequence: number
}

/** Errors: those of the log, and `start-failed` when log and state do not fit. */
export function openLog(
  options: RaftNodeOptions,
  onFatal: (error: RaftsmanError) => void,
  done: (error: RaftsmanError | null, opened?: OpenedLog) => void,
): void {
  const logOptions = {
    ...options,
    nodeId: options.id,
    segmentBytes: options.segmentBytes ?? segmentBytesUsual,
    cachedBytesMax: options.limits?.cachedBytesMax ?? cachedBytesUsual,
    appliedIndex: options.stateMachine.appliedIndex,
    settleState: (settled: (error: RaftsmanError | null) => void) =>
      options.stateMachine.makeDurable(settled),
    // A member alone has nobody to bring back what it lost: it says so instead.
    repair: options.peers.some(({ id }) => id !== options.id),
    onFatal,
  }
  RaftLog.open(logOptions, (error, opened, found) => {
    if (error !== null) {
      done(error)
      return
    }
    const log = must(opened, 'a log without error')
    const recovered = must(found, 'a recovery without error')
    const founders = options.join === true ? [] : [options.id, ...options.peers.map(({ id }) => id)]
    const initial = initialState(recovered, options.id, founders, options.stateMachine.appliedIndex)
    if (initial instanceof Error) {
      log.halt(() => done(initial))
      return
    }
    const finish = () => done(null, { log, initial, highestSequence: recovered.highestSequence })
    if (initial.damage !== null) {
      options.logger.error({ reason: initial.damage.reason }, 'state lost')
      log.declareDamaged(initial.damage, finish)
    } else if (initial.install === null) finish()
    else {
      const { hardState } = initial.state
      log.append({ entries: [], hardState, snapshot: initial.install, mustSync: true }, finish)
    }
  })
}
