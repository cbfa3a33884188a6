// The proposals of this node that nobody has answered yet, by sequence. Counterpart: pkg/wait of
// etcd, with limits. An answer is given exactly once: by the entry's own application, by a refusal
// that proves it was never taken, or by the clock.

import type { RaftsmanError } from '../platform/errors.js'
import { assert } from '../platform/errors.js'
import type { Term } from './core/types.js'
import type { RaftNodeErrorCode } from './node-types.js'
import { raftNodeError } from './node-types.js'
import type { ProposalDone } from './node-types.js'

export interface ProposalLimits {
  /** Of one payload. */
  readonly bytesMax: number
  /** Unanswered ones. */
  readonly pendingMax: number
  readonly pendingBytesMax: number
  readonly timeoutMs: number
}

/** Payloads of one call of Raft.propose, which become one message when they are forwarded. */
const batchBytesMax = 1024 * 1024

interface Pending {
  readonly done: ProposalDone
  readonly bytes: number
  readonly deadlineMs: number
}

export class ProposalBook {
  private readonly limits: ProposalLimits
  /** In order of deadline, for the timeout is the same for all. */
  private readonly pending = new Map<number, Pending>()
  private pendingBytes = 0
  private nextSequence: number
  private sequences: number[] = []
  /** The first proposal of this turn: those before it went to whoever led until now. */
  private firstOfTurn = 0
  private leaderTerm = 0
  /** Proposals below `sequence` have their answer, or none, once an entry of `term` is applied. */
  private lastOfOldLeader: { readonly term: number; readonly sequence: number } | null = null
  private payloads: Uint8Array[] = []

  constructor(limits: ProposalLimits, firstSequence: number) {
    this.limits = limits
    this.nextSequence = firstSequence
  }

  get size(): number {
    return this.pending.size
  }

  /** Never used twice by this node; proposals and reads draw from the same row. */
  takeSequence(): number {
    const sequence = this.nextSequence
    assert(sequence < Number.MAX_SAFE_INTEGER, 'sequences are below 2^53')
    this.nextSequence += 1
    return sequence
  }

  /** Null, or why it is refused at once. */
  add(payload: Uint8Array, nowMs: number, done: ProposalDone): RaftNodeErrorCode | null {
    const { bytesMax, pendingMax, pendingBytesMax, timeoutMs } = this.limits
    const bytes = payload.length
    if (bytes > bytesMax) return 'request-too-large'
    if (this.pending.size >= pendingMax || this.pendingBytes + bytes > pendingBytesMax)
      return 'too-many-requests'
    const sequence = this.takeSequence()
    this.pending.set(sequence, { done, bytes, deadlineMs: nowMs + timeoutMs })
    this.pendingBytes += bytes
    this.sequences.push(sequence)
    this.payloads.push(payload)
    return null
  }

  /** What was added since the last call, in order, in batches of limited size. */
  takeNew(propose: (sequences: readonly number[], payloads: readonly Uint8Array[]) => void): void {
    const { sequences, payloads } = this
    this.firstOfTurn = sequences[0] ?? this.nextSequence
    if (sequences.length === 0) return
    this.sequences = []
    this.payloads = []
    let from = 0
    let bytes = 0
    for (let at = 0; at < payloads.length; at += 1) {
      const size = (payloads[at] as Uint8Array).length
      if (at > from && bytes + size > batchBytesMax) {
        propose(sequences.slice(from, at), payloads.slice(from, at))
        from = at
        bytes = 0
      }
      bytes += size
    }
    if (from === 0) propose(sequences, payloads)
    else propose(sequences.slice(from), payloads.slice(from))
  }

  resolve(sequence: number, result: unknown): void {
    this.take(sequence)?.done(null, result)
  }

  reject(sequences: readonly number[], error: RaftsmanError): void {
    for (const sequence of sequences) this.take(sequence)?.done(error)
  }

  expire(nowMs: number): void {
    for (const [sequence, { deadlineMs }] of this.pending) {
      if (deadlineMs > nowMs) return
      this.take(sequence)?.done(raftNodeError('timeout', 'unknown'))
    }
  }

  /** Somebody leads in `term`, as seen in the turn that began with the last `takeNew`. */
  noteLeader(term: Term): void {
    if (term === this.leaderTerm) return
    this.leaderTerm = term
    this.lastOfOldLeader = { term, sequence: this.firstOfTurn }
  }

  /**
   * Behind the first entry of a new leader nothing follows that an older one had taken. What is not
   * there by then may only be on its way to the new one still; waiting longer tells nobody more.
   */
  noteApplied(term: Term): void {
    const old = this.lastOfOldLeader
    if (old === null || term < old.term) return
    this.lastOfOldLeader = null
    const lost = raftNodeError('leader-lost', 'unknown')
    for (const sequence of this.pending.keys()) {
      if (sequence >= old.sequence) return
      this.take(sequence)?.done(lost)
    }
  }

  rejectAll(error: RaftsmanError): void {
    this.reject([...this.pending.keys()], error)
  }

  private take(sequence: number): Pending | undefined {
    const found = this.pending.get(sequence)
    if (found === undefined) return undefined
    this.pending.delete(sequence)
    this.pendingBytes -= found.bytes
    return found
  }
}

/** 2020-01-01, so that 32 bits of seconds last until 2156. */
const epochMs = 1_577_836_800_000
const sequencesPerSecond = 2 ** 21

/**
 * Where the sequences of a run of this node start. They must not meet those of earlier runs, whose
 * entries may still come: above every one in the log, and above what earlier runs can have used at
 * two million proposals a second since they began, if the wall clock is sound. A random offset
 * makes a collision unlikely also where it is not.
 */
export function firstSequence(wallMs: number, highestInLog: number, random: number): number {
  const seconds = Math.max(0, Math.floor((wallMs - epochMs) / 1000))
  const byClock = Math.min(seconds, 2 ** 31) * sequencesPerSecond
  return Math.max(byClock, highestInLog + 1) + Math.floor(random * sequencesPerSecond)
}
