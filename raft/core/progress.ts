// What a leader knows of one follower, and how it feeds it. Counterpart: tracker/progress.go and
// inflights.go of etcd-io/raft; nextIndex and matchIndex of figure 2 of the paper.
//
//            rejected, unreachable                 entries needed are compacted
//   replicate ───────────────────────> probe ──────────────────────────────────> snapshot
//       ^                                │ ^          streamed or failed            │
//       └──────────── accepted ──────────┘ └────────────────────────────────────────┘

import { assert } from '../../platform/errors.js'
import type { PeerStatus, ProgressState } from './config.js'
import { type LogIndex, logIndex, type NodeId, type Term } from './types.js'

/** Entries that were asked of the disk. */
interface EntriesBeingRead {
  readonly id: number
  readonly from: LogIndex
  /** In which they were asked for. */
  readonly term: Term
}

/** Messages on their way, oldest first, in a ring of fixed size. */
export class Inflights {
  /** 0 <= count <= limit; bytes is the sum over the ring. */
  count = 0
  bytes = 0
  private head = 0
  private readonly limit: number
  private readonly bytesMax: number
  private readonly lastIndexes: Float64Array
  private readonly sizes: Float64Array

  constructor(limit: number, bytesMax: number) {
    this.limit = limit
    this.bytesMax = bytesMax
    this.lastIndexes = new Float64Array(limit)
    this.sizes = new Float64Array(limit)
  }

  get full(): boolean {
    return this.count === this.limit || this.bytes >= this.bytesMax
  }

  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.full, 'no message may be added to full inflights')
    const slot = (this.head + this.count) % this.limit
    this.lastIndexes[slot] = lastIndex
    this.sizes[slot] = bytes
    this.count++
    this.bytes += bytes
  }

  /** Frees every message whose last entry is acknowledged by `index`. */
  freeUpTo(index: LogIndex): void {
    while (this.count > 0 && (this.lastIndexes[this.head] as number) <= index) {
      this.bytes -= this.sizes[this.head] as number
      this.head = (this.head + 1) % this.limit
      this.count--
    }
    assert(this.bytes >= 0, 'inflight bytes never go below zero')
  }

  clear(): void {
    this.head = 0
    this.count = 0
    this.bytes = 0
  }
}

export class Progress {
  readonly id: NodeId
  readonly inflights: Inflights
  state: ProgressState = 'probe'
  /** Highest index known to be durable there. 0 <= match < next; never decreases in a term. */
  match: LogIndex = logIndex(0)
  /** First index of the next appendRequest; optimistic while replicating. */
  next: LogIndex
  /** Commit index that the appendRequests sent so far told; so a new one is told once. */
  sentCommit: LogIndex = logIndex(0)
  /** Probing: one message is out, and its answer decides what comes next. */
  paused = false
  /** Send one appendRequest even if it is empty, to learn whether earlier ones were lost. */
  nudge = false
  /** Set by the heartbeat timer: its response may resend once, so reads cannot cause floods. */
  resend = false
  matchAtHeartbeat: LogIndex = logIndex(0)
  /** Index of the snapshot on its way; 0 unless `state` is snapshot. */
  pendingSnapshot: LogIndex = logIndex(0)
  /** Its entries are being read from disk; outlives changes of state and term until answered. */
  reading: EntriesBeingRead | null = null
  /** It has lost what it acknowledged, see `lose`; until the term ends. */
  reborn = false
  recentActive = false
  /** Highest read round acknowledged in this term. */
  readRound = 0

  constructor(id: NodeId, next: LogIndex, inflightMessagesMax: number, inflightBytesMax: number) {
    this.id = id
    this.next = next
    this.inflights = new Inflights(inflightMessagesMax, inflightBytesMax)
  }

  /** Forgets everything: a new term of leadership begins. */
  reset(next: LogIndex): void {
    this.match = logIndex(0)
    this.next = next
    this.recentActive = false
    this.reborn = false
    this.readRound = 0
    this.resend = false
    this.matchAtHeartbeat = logIndex(0)
    this.enter('probe')
  }

  becomeProbe(): void {
    // Past a snapshot that arrived; otherwise from what is known for sure.
    const known = Math.max(this.match, this.pendingSnapshot)
    this.enter('probe')
    this.next = logIndex(known + 1)
  }

  becomeReplicate(): void {
    // The message that was accepted told the commit index too.
    const { sentCommit } = this
    this.enter('replicate')
    this.next = logIndex(this.match + 1)
    this.sentCommit = sentCommit
  }

  becomeSnapshot(index: LogIndex): void {
    this.enter('snapshot')
    this.pendingSnapshot = index
  }

  private enter(state: ProgressState): void {
    this.state = state
    this.paused = false
    this.nudge = false
    this.pendingSnapshot = logIndex(0)
    this.sentCommit = logIndex(0)
    this.inflights.clear()
  }

  /** An accepted appendResponse. True when it told something new. */
  advance(index: LogIndex): boolean {
    if (index <= this.match) return false
    this.match = index
    if (this.next <= index) this.next = logIndex(index + 1)
    this.paused = false
    return true
  }

  /**
   * A rejected appendResponse: `rejected` is its prevIndex, `hint` where the logs may agree.
   * False when it is stale, that is, answers a message sent before others that were accepted; or when it
   * denies what it acknowledged, as after a disk that lied: asked again at once it would deny it again.
   */
  retreat(rejected: LogIndex, hint: LogIndex): boolean {
    if (rejected <= this.match) return false
    if (this.state === 'replicate') {
      this.becomeProbe()
      return true
    }
    if (this.state === 'snapshot' || this.next - 1 !== rejected) return false
    this.next = logIndex(Math.max(Math.min(rejected, hint + 1), this.match + 1))
    this.paused = false
    return true
  }

  /**
   * A rejection that says that acknowledged entries are gone: nothing is known of it but where the
   * logs may agree. Acknowledgements of before may still come, see `isFromBefore`.
   */
  lose(rejected: LogIndex, hint: LogIndex): void {
    this.match = logIndex(0)
    this.matchAtHeartbeat = logIndex(0)
    this.reborn = true
    if (this.state === 'snapshot') return
    this.enter('probe')
    // Below what was rejected, or the same would be asked for ever.
    this.next = logIndex(Math.max(1, Math.min(rejected, hint + 1)))
  }

  /** It acknowledges what was not sent since it lost something, and is not committed either. */
  isFromBefore(index: LogIndex, commit: LogIndex): boolean {
    return this.reborn && index >= this.next && index > commit
  }

  sent(lastIndex: LogIndex, bytes: number): void {
    if (this.state === 'replicate') {
      this.next = logIndex(lastIndex + 1)
      this.inflights.add(lastIndex, bytes)
    } else {
      this.paused = true
    }
  }

  check(): void {
    assert(this.match >= 0 && this.match < this.next, '0 <= match < next')
    assert(this.state === 'snapshot' || this.pendingSnapshot === 0, 'only one way to a snapshot')
    assert(this.state === 'replicate' || this.inflights.count === 0, 'only replicating pipelines')
  }

  status(learner: boolean): PeerStatus {
    return {
      id: this.id,
      state: this.state,
      match: this.match,
      next: this.next,
      recentActive: this.recentActive,
      inflightMessages: this.inflights.count,
      inflightBytes: this.inflights.bytes,
      pendingSnapshot: this.pendingSnapshot,
      learner,
    }
  }
}
