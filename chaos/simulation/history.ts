// The one history that all members must agree on, and what clients were told about it. Everything is
// looked at once, when it happens: an entry when a member applies it, an answer when it is given.

import type { Entry } from '../../raft/core/types.js'
import { holds } from './failure.js'

export interface Proposal {
  readonly id: number
  readonly startedMs: number
  /** 'unknown': no answer will come, or the answer said so. */
  outcome: 'pending' | 'acknowledged' | 'not-applied' | 'unknown'
  /** Where it was applied; 0 while it was not. */
  index: number
}

/** What a state amounts to: two lanes of a hash over all entries up to its index. */
export interface StateDigest {
  readonly low: number
  readonly high: number
}

export const emptyDigest: StateDigest = { low: 0x811c9dc5, high: 0x9e3779b9 }

interface Applied {
  readonly digest: StateDigest
  readonly proposal: number
}

export class History {
  /** applied[i] is of index i + 1. */
  private readonly applied: Applied[] = []
  private readonly proposals = new Map<number, Proposal>()
  private nextId = 1
  /** The highest index that some client knows of: what every later read must reflect. */
  knownIndex = 0
  acknowledged = 0
  refused = 0
  unknown = 0
  readsAnswered = 0
  readsFailed = 0

  get appliedIndex(): number {
    return this.applied.length
  }

  get proposed(): number {
    return this.nextId - 1
  }

  begin(nowMs: number): Proposal {
    const proposal: Proposal = { id: this.nextId, startedMs: nowMs, outcome: 'pending', index: 0 }
    this.nextId += 1
    this.proposals.set(proposal.id, proposal)
    return proposal
  }

  /** A member applies an entry to the state `before`; the answer is the state behind it. */
  apply(member: number, entry: Entry, before: StateDigest): StateDigest {
    const digest = digestOf(entry, before)
    const known = this.applied[entry.index - 1]
    if (known !== undefined) {
      holds(
        known.digest.low === digest.low && known.digest.high === digest.high,
        'state-machine-safety',
        () =>
          `m${member} applies another entry ${entry.index} (term ${entry.term}) than others did`,
      )
      return known.digest
    }
    holds(
      entry.index === this.applied.length + 1,
      'state-machine-safety',
      () => `m${member} applies entry ${entry.index}, nobody has applied the one before it`,
    )
    const id = entry.kind === 'normal' ? proposalIdOf(entry.data) : 0
    this.applied.push({ digest, proposal: id })
    if (id !== 0) this.place(id, entry.index)
    return digest
  }

  private place(id: number, index: number): void {
    const proposal = this.proposals.get(id)
    holds(proposal !== undefined, 'state-machine-safety', () => `entry ${index} was never proposed`)
    holds(
      proposal.index === 0,
      'acknowledged-once',
      () => `proposal ${id} is applied at ${proposal.index} and at ${index}`,
    )
    holds(
      proposal.outcome !== 'not-applied',
      'not-applied',
      () => `proposal ${id} was answered "not applied" and is applied at ${index}`,
    )
    proposal.index = index
  }

  /** What a member's state must be at `index`. */
  digestAt(index: number): StateDigest {
    return index === 0 ? emptyDigest : (this.applied[index - 1]?.digest ?? emptyDigest)
  }

  acknowledge(proposal: Proposal, index: number): void {
    holds(
      proposal.outcome === 'pending',
      'acknowledged-once',
      () => `proposal ${proposal.id} is answered twice: ${proposal.outcome}, then acknowledged`,
    )
    holds(
      proposal.index === index && this.applied[index - 1]?.proposal === proposal.id,
      'acknowledged-once',
      () => `proposal ${proposal.id} is acknowledged at ${index}, and stands at ${proposal.index}`,
    )
    proposal.outcome = 'acknowledged'
    this.acknowledged += 1
    this.knownIndex = Math.max(this.knownIndex, index)
  }

  fail(proposal: Proposal, outcome: 'not-applied' | 'unknown'): void {
    holds(
      proposal.outcome === 'pending',
      'acknowledged-once',
      () => `proposal ${proposal.id} is answered twice: ${proposal.outcome}, then ${outcome}`,
    )
    holds(
      outcome === 'unknown' || proposal.index === 0,
      'not-applied',
      () => `proposal ${proposal.id} is applied at ${proposal.index}, answered "not applied"`,
    )
    proposal.outcome = outcome
    if (outcome === 'unknown') this.unknown += 1
    else this.refused += 1
  }

  /** A read that began when `floor` was known is answered with the state at `index`. */
  read(member: number, floor: number, index: number): void {
    holds(
      index >= floor,
      'linearizable-reads',
      () => `a read at m${member} sees entry ${index}; ${floor} was known before it began`,
    )
    this.readsAnswered += 1
    this.knownIndex = Math.max(this.knownIndex, index)
  }
}

function digestOf(entry: Entry, before: StateDigest): StateDigest {
  let low = before.low
  let high = before.high
  const mix = (value: number) => {
    low = Math.imul(low ^ value, 0x01000193)
    high = Math.imul(high ^ (value + 0x7f4a7c15), 0x85ebca6b) ^ (high >>> 13)
  }
  mix(entry.index)
  mix(entry.term)
  mix(entry.kind.length)
  mix(entry.origin)
  mix(entry.sequence | 0)
  mix(Math.floor(entry.sequence / 2 ** 32))
  const { data } = entry
  mix(data.length)
  // Payloads are an id and a pattern that follows from it: the beginning and the end tell enough.
  for (let at = 0; at < data.length && at < 16; at += 1) mix(data[at] as number)
  for (let at = Math.max(16, data.length - 4); at < data.length; at += 1) mix(data[at] as number)
  return { low, high }
}

export function payloadOf(id: number, bytes: number): Uint8Array {
  const data = new Uint8Array(Math.max(8, bytes)).fill(id & 0xff)
  new DataView(data.buffer).setUint32(0, id, true)
  new DataView(data.buffer).setUint32(4, 0x50414253, true)
  return data
}

function proposalIdOf(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset, data.length).getUint32(0, true)
}
