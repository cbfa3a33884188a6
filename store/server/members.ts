// Who the members are, put together from what is known where: the membership from Raft, names and
// addresses from the replicated state, and for founders that have not said anything yet what this
// member was told at its start.

import type { Address } from '../../platform/network.js'
import type { ConfState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { Replica as Raft } from '../../raft/index.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Member } from '../core/types.js'
import type { StoreMember } from './options.js'

export class Members {
  readonly #raft: Raft
  readonly #machine: Machine
  readonly #configured: readonly StoreMember[]

  constructor(raft: Raft, machine: Machine, configured: readonly StoreMember[]) {
    this.#raft = raft
    this.#machine = machine
    this.#configured = configured
  }

  get confState(): ConfState {
    return this.#raft.status().confState
  }

  /** Of voters and learners, in order. */
  get ids(): readonly number[] {
    const { voters, votersOutgoing, learners } = this.confState
    return [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b)
  }

  list(): readonly Member[] {
    return this.ids.map(id => this.#member(id))
  }

  find(id: number): Member | undefined {
    return this.ids.includes(id) ? this.#member(id) : undefined
  }

  isVoter(id: number): boolean {
    return this.confState.voters.includes(nodeId(id))
  }

  /** It has said where clients reach it, which it does at every start. */
  hasStarted(id: number): boolean {
    return (this.#machine.members.get(id)?.clientAddresses.length ?? 0) > 0
  }

  clientAddress(id: number): Address | undefined {
    const configured = this.#configured.find(member => member.id === id)
    return this.#machine.members.get(id)?.clientAddresses[0] ?? configured?.clientAddress
  }

  /** Above every id that this member has ever heard of. */
  get idMin(): number {
    const configured = this.#configured.map(({ id }) => id)
    return Math.max(0, ...this.ids, ...configured) + 1
  }

  #member(id: number): Member {
    const { learners, addresses } = this.confState
    const record = this.#machine.members.get(id)
    const told = addresses?.find(({ node }) => node === id)
    const configured = this.#configured.find(member => member.id === id)
    // Raft has the last word about the address that peers use.
    const first = told?.address ?? record?.peerAddresses[0] ?? configured?.peerAddress
    const others = record?.peerAddresses.slice(1) ?? []
    return {
      id,
      name: record?.name || told?.name || configured?.name || '',
      peerAddresses: first === undefined ? others : [first, ...others],
      clientAddresses: record?.clientAddresses ?? [],
      learner: learners.includes(nodeId(id)),
    }
  }
}
