// Reads by lease: while a quorum has promised not to elect anybody else, a leader serves reads without
// asking. Thesis of Ongaro 6.4.1; ReadOnlyLeaseBased of etcd-io/raft. Off unless configured: it trusts
// clocks, as ReadIndex does not.
//
//   leader    heartbeat made at tick 7 ─────────────────────> serves until 7 + electionTicks - driftTicks
//                  │                  ^ quorum has answered
//   follower       └─> hears it ────────────────────────────> elects nobody for electionTicks
//
// What makes it hold:
// - The lease counts from when the heartbeat was made, not from when it was answered.
// - The promise of a follower outlives what it hears of other terms, and a restart: one that has just
//   started elects nobody for as long as it may have promised before.
// - Nobody campaigns early, or helps one that does, for a leader whose process is said to have ended: it
//   may live on, behind something that refuses connections (gone-leader.ts).
// - Whoever is asked to take over disregards all promises. So a leader that hands over has no lease, and
//   one that ever asked has none for the rest of its term: the question may arrive late.
// - Another membership is another quorum: the lease has to be earned anew.
// - Time that no tick told of (`Raft.ticksLost`) ends it.
// It is configured on all members alike, with the same timeouts, or it does not hold.

import type { CoreState } from './state.js'
import { type NodeId, noNode } from './types.js'

interface Sent {
  /** That the heartbeat carries, and its answers. */
  readonly round: number
  readonly tick: number
}

const never = Number.NEGATIVE_INFINITY

export class Lease {
  /** Heartbeats that no quorum has answered, oldest first. */
  sent: Sent[] = []
  /** Of the last heartbeats made. */
  lastRound = 0
  /** When the newest heartbeat was made that a quorum has answered. */
  since = never
  /** Leader only: somebody was asked to take over in this term. */
  isVoid = false
  /** Elects nobody before this tick, unless asked to by the leader. */
  promisedUntil = 0
}

/** A new term, or the end of one: what was earned is gone. */
export function resetLease(core: CoreState): void {
  core.lease.sent = []
  core.lease.since = never
  core.lease.isVoid = false
}

/** Other members, or time of unknown length: answers on their way earn nothing. */
export function loseLease(core: CoreState): void {
  core.lease.sent = []
  core.lease.since = never
}

/** Disregarding all promises, whenever that is heard. */
export function askToTakeOver(core: CoreState, to: NodeId): void {
  core.lease.isVoid = true
  core.send({ kind: 'timeoutNow', from: core.id, to, term: core.term })
}

/** Whether heartbeats carry the round, so that their answers do. */
export function isRoundTold(core: CoreState): boolean {
  return core.reads.rounds.length > 0 || core.config.leaseReads !== undefined
}

/** Heartbeats are about to be made; their answers must differ from those to earlier ones. */
export function noteHeartbeats(core: CoreState): void {
  if (core.config.leaseReads === undefined) return
  const { lease, reads, ticks } = core
  const oldest = ticks - core.config.electionTicks
  while ((lease.sent[0]?.tick ?? ticks) <= oldest) lease.sent.shift()
  if (lease.lastRound >= reads.round) reads.round++
  lease.lastRound = reads.round
  lease.sent.push({ round: reads.round, tick: ticks })
}

/** An answer came. */
export function renewLease(core: CoreState): void {
  const { lease } = core
  if (lease.sent.length === 0) return
  const confirmed = core.tracker.quorumRound()
  while ((lease.sent[0]?.round ?? confirmed + 1) <= confirmed)
    lease.since = lease.sent.shift()?.tick ?? lease.since
}

export function holdsLease(core: CoreState): boolean {
  const { leaseReads, electionTicks } = core.config
  if (leaseReads === undefined || core.role !== 'leader') return false
  if (core.lease.isVoid || core.transferee !== noNode) return false
  return core.ticks - core.lease.since < electionTicks - leaseReads.driftTicks
}

/** Heard of a leader, or just started: somebody may rest a lease on this node. */
export function promise(core: CoreState): void {
  if (core.config.leaseReads === undefined) return
  core.lease.promisedUntil = core.ticks + core.config.electionTicks
}

export function hasPromised(core: CoreState): boolean {
  return core.ticks < core.lease.promisedUntil
}
