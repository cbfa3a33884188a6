// What is said between the processes, seen from the wire: one vote a term, log matching by the
// entries themselves, and who said what to whom. Frames are decoded with the transport's own codec.

import { unreachable } from '../../platform/errors.js'
import type { Entry, Message, Role, Term } from '../../raft/core/types.js'
import { decodeFrame } from '../../raft/transport/frame-codec.js'
import type { Coverage } from './coverage.js'
import { describe } from './coverage.js'
import { holds } from './failure.js'

interface SeenEntry {
  readonly origin: number
  readonly sequence: number
  readonly kind: Entry['kind']
  readonly bytes: number
  /** Of the entry before it. */
  readonly termBefore: Term
}

export interface WireOptions {
  readonly coverage: Coverage
  readonly roleOf: (machine: number) => Role | 'starting'
  /** A message that rests on a disk write has left. */
  readonly promised: (message: Message) => void
  /** Acknowledgements arrive at this machine. */
  readonly acknowledged: (machine: number) => void
}

/** Entries remembered for comparison; the oldest are forgotten. */
const seenMax = 200_000

export class Wire {
  private readonly options: WireOptions
  private readonly votes = new Map<string, number>()
  private readonly seen = new Map<number, SeenEntry>()
  /** Decoded once, when sent, and counted again when they arrive. */
  private readonly onTheWay = new WeakMap<Uint8Array, readonly string[]>()

  constructor(options: WireOptions) {
    this.options = options
  }

  sent(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (frame.kind !== 'messages') {
      if (frame.kind.startsWith('snapshot')) this.options.coverage.mark(`sent ${frame.kind}`)
      return
    }
    const kinds: string[] = []
    for (const message of frame.messages) {
      kinds.push(describe(message))
      this.look(message)
    }
    this.onTheWay.set(bytes, kinds)
  }

  delivered(to: number, bytes: Uint8Array): void {
    const kinds = this.onTheWay.get(bytes)
    if (kinds === undefined) return
    const role = this.options.roleOf(to)
    for (const kind of kinds) this.options.coverage.mark(`${role} gets ${kind}`)
    if (kinds.includes('appendAccepted')) this.options.acknowledged(to)
  }

  private look(message: Message): void {
    switch (message.kind) {
      case 'voteRequest':
        if (message.preVote) return
        this.voted(message.from, message.term, message.from)
        this.options.promised(message)
        return
      case 'voteResponse':
        if (message.preVote || !message.granted) return
        this.voted(message.from, message.term, message.to)
        this.options.promised(message)
        return
      case 'appendResponse':
        if (!message.rejected) this.options.promised(message)
        return
      case 'appendRequest':
        this.entries(message.entries, message.prevTerm)
        return
      case 'heartbeatRequest':
      case 'heartbeatResponse':
      case 'snapshotRequest':
      case 'readIndexRequest':
      case 'readIndexResponse':
      case 'proposalForward':
      case 'proposalRefused':
      case 'transferLeaderRequest':
      case 'timeoutNow':
        return
      default:
        unreachable(message)
    }
  }

  private voted(voter: number, term: Term, candidate: number): void {
    const key = `${voter}/${term}`
    const known = this.votes.get(key)
    holds(
      known === undefined || known === candidate,
      'one-vote',
      () => `m${voter} votes for m${known} and for m${candidate} in term ${term}`,
    )
    this.votes.set(key, candidate)
  }

  /** Log matching by induction: index and term determine the entry and the term before it. */
  private entries(entries: readonly Entry[], prevTerm: Term): void {
    let termBefore = prevTerm
    for (const entry of entries) {
      const key = entry.term * 2 ** 26 + entry.index
      const { origin, sequence, kind, data } = entry
      const known = this.seen.get(key)
      if (known === undefined)
        this.seen.set(key, { origin, sequence, kind, bytes: data.length, termBefore })
      else
        holds(
          known.origin === origin &&
            known.sequence === sequence &&
            known.kind === kind &&
            known.bytes === data.length &&
            known.termBefore === termBefore,
          'log-matching',
          () => `entry ${entry.index} of term ${entry.term} is not the same everywhere`,
        )
      termBefore = entry.term
    }
    if (this.seen.size > seenMax) this.seen.clear()
  }
}
