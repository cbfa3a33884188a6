// Keeps what is recoverable recoverable, so that what a failing seed shows is a bug and not bad luck
// beyond what any protocol survives. Counterpart: the fault atlas of TigerBeetle's simulator.
//
// What the atlas grants: any number of machines may be down, cut off or slow. Durable bytes are
// damaged on one voter at a time, only while every quorum of the others has somebody with all that is
// committed, and it must be whole again, or replaced, before the next one is hit.

import type { Random } from '../../platform/random.js'
import type { ConfState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import { durableLog } from './durable-log.js'
import type { Machine } from './machine.js'
import type { SimProcess } from './scheduler.js'
import { pick } from './streams.js'

export interface AtlasOptions {
  readonly membership: () => ConfState | null
  readonly machine: (id: number) => Machine
  readonly committedIndex: () => number
  /** No entry behind it has changed who votes. */
  readonly votersSinceIndex: () => number
  readonly segmentBytes: number
}

export class FaultAtlas {
  /** Machines whose durable bytes were damaged and that are not whole again. */
  readonly damaged = new Set<number>()
  /** Machines that were ever damaged. */
  readonly everDamaged = new Set<number>()
  /** Left the cluster with damage that they had not noticed. */
  private readonly discarded = new Set<number>()
  private readonly options: AtlasOptions
  /** The life in which each was hit; null when it was down. */
  private readonly hitIn = new Map<number, SimProcess | null>()

  constructor(options: AtlasOptions) {
    this.options = options
  }

  /** A machine that may lose durable bytes now, or null. */
  victim(random: Random): Machine | null {
    this.look()
    const { membership, machine, committedIndex, votersSinceIndex, segmentBytes } = this.options
    const confState = membership()
    if (confState === null || confState.votersOutgoing.length > 0) return null
    const { voters } = confState
    const id = pick(random, voters)
    if (this.damaged.size > 0 || voters.length < 3 || id === undefined) return null
    const victim = machine(id)
    if (victim.retired) return null
    const committed = committedIndex()
    const whole = voters.filter(voter => {
      if (voter === id) return false
      const log = durableLog(machine(voter), segmentBytes)
      if (log === null || log.last < committed) return false
      // Whoever may still act by the membership of before would need the victim, as all others would.
      const known = Math.max(log.hardState.commit, machine(voter).program.durableIndex)
      return known >= votersSinceIndex()
    })
    // The others must be unable to form a quorum without one of those.
    const lacking = voters.length - 1 - whole.length
    return lacking * 2 <= voters.length ? victim : null
  }

  hit(victim: Machine): void {
    this.damaged.add(victim.id)
    this.everDamaged.add(victim.id)
    this.hitIn.set(victim.id, victim.process)
  }

  /** Damage may be more than it can tell from forgotten promises. */
  mayRefuse(id: number): boolean {
    return this.damaged.has(id) || this.discarded.has(id)
  }

  /** Looks whether those that were hit have noticed and are whole again, or are gone for good. */
  look(): void {
    const { membership, machine, segmentBytes } = this.options
    const confState = membership()
    // Who is on its way out votes until the joint membership is left.
    const stay = confState === null ? null : [...confState.voters, ...confState.votersOutgoing]
    // A power cut may take a state back behind where its repaired log begins.
    for (const id of this.everDamaged)
      if (machine(id).node?.status().damaged === true) this.damaged.add(id)
    for (const id of this.damaged) {
      const { node, process } = machine(id)
      const member = stay?.includes(nodeId(id)) !== false
      const noticed = process !== null && process !== this.hitIn.get(id)
      const whole = noticed && node !== null && !node.status().damaged
      if (whole && durableLog(machine(id), segmentBytes) !== null) this.damaged.delete(id)
      else if (!member) {
        this.damaged.delete(id)
        this.discarded.add(id)
      }
    }
  }
}
