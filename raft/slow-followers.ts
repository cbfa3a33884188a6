// What slow followers need and the core does not hold in memory: old entries, read back from the log,
// and where the log no longer has them a picture of the state, labelled and given to the transport.
// Counterpart: Storage.Entries of etcd-io/raft and the snapshot messages of etcd's server.

import type { Clock } from '../platform/clock.js'
import type { Logger } from '../platform/logger.js'
import type { Raft } from './core/raft.js'
import type { EntryFetch, NodeId } from './core/types.js'
import type { StateMachine } from './state-machine.js'
import type { RaftLog } from './storage/log.js'
import type { Transport } from './transport/transport.js'
import type { SnapshotRequest } from './transport/transport-options.js'

/** Before a peer that could not take a snapshot gets the next; twice as long after each failure. */
const retryMsMin = 100
const retryMsMax = 5000
/** Before entries are read that could not be for the moment. */
const readRetryMs = 100

export interface SlowFollowersEnvironment {
  readonly raft: Raft
  readonly stateMachine: StateMachine
  readonly log: RaftLog
  readonly clock: Clock
  readonly logger: Logger
  /** The core has something to do. */
  readonly onWork: () => void
}

export class SlowFollowers {
  private readonly environment: SlowFollowersEnvironment
  /** Snapshots that one peer after another did not take. */
  private readonly failures = new Map<NodeId, number>()
  private ended = false

  constructor(environment: SlowFollowersEnvironment) {
    this.environment = environment
  }

  /** Answers the core with entries of the log, or with null where it has none to give. */
  fetch(wanted: EntryFetch): void {
    const { raft, log, clock, logger, onWork } = this.environment
    log.read(wanted.from, wanted.bytesMax, (error, found) => {
      if (this.ended) return
      if (error?.retryable === true) {
        clock.setTimer(readRetryMs, () => {
          if (!this.ended) this.fetch(wanted)
        })
        return
      }
      // What cannot be read back is of no use to anybody: the follower gets a snapshot.
      if (error !== null) logger.error({ error, from: wanted.from }, 'log not readable')
      raft.fetched(wanted.id, found ?? null)
      onWork()
    })
  }

  sendSnapshot(message: SnapshotRequest, transport: Transport): void {
    const { raft, stateMachine, logger, onWork } = this.environment
    const { to } = message
    const failed = (reason: string) => this.failed(to, reason)
    stateMachine.openSnapshot((error, source) => {
      if (error !== null || source === undefined) {
        failed(error?.message ?? 'no snapshot')
        return
      }
      const { firstIndex, applied } = raft.status()
      if (this.ended || source.index < firstIndex - 1 || source.index > applied) {
        source.close()
        failed('the log has moved on')
        return
      }
      // The picture is newer than what the core asked for, and labelled as what it is.
      const request = { ...message, snapshot: raft.snapshotAt(source.index) }
      logger.info({ to, index: source.index }, 'sending snapshot')
      transport.sendSnapshot(request, source, (ok, reason) => {
        if (!ok) failed(reason)
        else if (!this.ended) {
          this.failures.delete(to)
          raft.snapshotDone(to, true)
          onWork()
        }
      })
    })
  }

  end(): void {
    this.ended = true
  }

  /** The core, once told, asks for the next one at once: a peer without room would get no rest. */
  private failed(to: NodeId, reason: string): void {
    if (this.ended) return
    const { raft, clock, logger, onWork } = this.environment
    const failures = this.failures.get(to) ?? 0
    this.failures.set(to, failures + 1)
    const retryMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(failures, 16))
    logger.warn({ to, reason, retryMs }, 'snapshot not sent')
    clock.setTimer(retryMs, () => {
      if (this.ended) return
      raft.snapshotDone(to, false)
      onWork()
    })
  }
}
