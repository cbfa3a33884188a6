// Leadership that this node gives away: on request, before it stops, and when its disk stalls.
// Counterpart: MoveLeader and the leadership transfer at stop of etcd's server; a leader whose disk
// does not answer goes on leading there (etcd issue 13527).

import type { Clock, Timer } from '../platform/clock.js'
import type { RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Raft } from './core/raft.js'
import type { NodeId, SoftState } from './core/types.js'
import { noNode } from './core/types.js'
import { raftNodeError } from './node-types.js'

/** Election timeouts without an answer of the disk after which a leader steps down. */
const stallTimeoutsMax = 4

export interface HandoverEnvironment {
  readonly raft: Raft
  readonly clock: Clock
  readonly logger: Logger
  /** The shortest time after which followers elect another leader. */
  readonly electionMs: number
  /** The core has something to do. */
  readonly onWork: () => void
}

interface Handover {
  readonly target: NodeId
  readonly done: (error: RaftsmanError | null) => void
  readonly timer: Timer
}

export class Handovers {
  private readonly environment: HandoverEnvironment
  private underWay: Handover[] = []
  /** Waits until this node leads no more; set while it stops. */
  private onDeposed: (() => void) | null = null
  private stalled = false

  constructor(environment: HandoverEnvironment) {
    this.environment = environment
  }

  /** Answers when `target` leads, or with `timeout` after an election timeout. */
  transfer(target: NodeId, done: (error: RaftsmanError | null) => void): void {
    const { raft, clock, electionMs, onWork } = this.environment
    const timer = clock.setTimer(electionMs, () => {
      this.underWay = this.underWay.filter(other => other !== handover)
      done(raftNodeError('timeout', 'unknown'))
    })
    const handover: Handover = { target, done, timer }
    this.underWay.push(handover)
    raft.transferLeadership(target)
    this.settle(raft.status().leader)
    onWork()
  }

  /** Answers when this node leads no more, whether or not somebody else does; bounded. */
  leave(done: () => void): void {
    const { raft, clock, electionMs, onWork } = this.environment
    const target = this.successor()
    if (target === null) {
      done()
      return
    }
    const left = () => {
      if (this.onDeposed === null) return
      this.onDeposed = null
      timer.cancel()
      done()
    }
    const timer = clock.setTimer(electionMs, left)
    this.onDeposed = left
    raft.transferLeadership(target)
    onWork()
  }

  noteSoftState({ role, leader }: SoftState): void {
    this.settle(leader)
    if (role !== 'leader') this.onDeposed?.()
  }

  /**
   * `oldestWriteMs`: when the oldest write under way began; null for none. A leader that cannot write
   * hands over; where nobody can take over it leads no more all the same, for as long as it does its
   * heartbeats keep everybody from electing one that can.
   */
  watchDisk(oldestWriteMs: number | null, nowMs: number): void {
    const { raft, logger, electionMs } = this.environment
    const waitedMs = oldestWriteMs === null ? 0 : nowMs - oldestWriteMs
    if (waitedMs < electionMs) {
      this.stalled = false
      return
    }
    const { role, transferee } = raft.status()
    if (role !== 'leader') return
    if (waitedMs >= stallTimeoutsMax * electionMs) {
      logger.warn({ waitedMs }, 'disk stalls and nobody takes over, stepping down')
      raft.stepDown()
      this.environment.onWork()
      return
    }
    const target = this.successor()
    if (target === null || transferee !== noNode) return
    // It is tried again and again while the target cannot take over, and told once.
    if (!this.stalled) logger.warn({ target, waitedMs }, 'disk stalls, handing over')
    this.stalled = true
    raft.transferLeadership(target)
  }

  end(): void {
    for (const { done, timer } of this.underWay) {
      timer.cancel()
      done(raftNodeError('stopped', 'unknown'))
    }
    this.underWay = []
    this.onDeposed?.()
  }

  /** Of a leader: the voter that is furthest and answers. */
  private successor(): NodeId | null {
    const { role, progress } = this.environment.raft.status()
    if (role !== 'leader') return null
    let best: (typeof progress)[number] | null = null
    for (const peer of progress) {
      if (peer.learner || !peer.recentActive) continue
      if (best === null || peer.match > best.match) best = peer
    }
    return best?.id ?? null
  }

  private settle(leader: NodeId): void {
    const settled = this.underWay.filter(({ target }) => target === leader)
    if (settled.length === 0) return
    this.underWay = this.underWay.filter(({ target }) => target !== leader)
    for (const { done, timer } of settled) {
      timer.cancel()
      this.environment.clock.defer(() => done(null))
    }
  }
}
