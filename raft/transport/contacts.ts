// Who may speak with this node, and where each listens: the members of the configuration, those that
// were added at run time, those that the log is about to add, and for a node that was away, what a peer
// tells of members it has not heard of yet. Counterpart: RaftCluster and AddRemote of etcd's server.
// Leaves out what a member may do: that is the core's, by the membership in its log.
//
// Those that the log is about to add may be members already for all others: with the one that told of
// them gone, a node that refused them would keep the quorum that is left from electing anybody.

import type { ConfState, LogIndex, MemberAddress, NodeId } from '../core/types.js'
import { logIndex } from '../core/types.js'
import type { Peer } from './transport-options.js'

/** The members at a point of the log, as one node tells them to another. Sorted by node. */
export interface Roster {
  readonly index: LogIndex
  readonly members: readonly Peer[]
}

/** Changes of membership in the log, applied or not. */
export interface LogOfChanges {
  /** Another object when it is another one. */
  readonly newestConfChange: object | null
  /** Members that those will add that are not applied. */
  announcedMembers(): readonly MemberAddress[]
}

export class Contacts {
  private readonly self: Peer
  private readonly configured: readonly Peer[]
  private readonly isKnownRemoved: (id: NodeId) => boolean
  /** As applied here. */
  private index = logIndex(0)
  private confState: ConfState
  /** Of a peer that is ahead; null once we have come as far. */
  private heard: Roster | null = null
  private newestChange: object | null = null
  private announced: readonly Peer[] = []
  /** Members, as applied here or as heard. */
  private members: ReadonlySet<NodeId> = new Set()
  private allowed = new Map<NodeId, Peer>()
  /** Members of this run that are members no more. */
  private readonly gone = new Set<NodeId>()

  constructor(
    self: Peer,
    configured: readonly Peer[],
    index: LogIndex,
    confState: ConfState,
    isKnownRemoved: (id: NodeId) => boolean = () => false,
  ) {
    this.self = self
    this.isKnownRemoved = isKnownRemoved
    this.configured = configured.filter(({ id }) => id !== self.id)
    this.confState = confState
    this.become(index, confState)
  }

  /** The membership that is applied here, as of `index`. */
  become(index: LogIndex, confState: ConfState): void {
    this.index = index
    this.confState = confState
    if (this.heard !== null && this.heard.index <= index) this.heard = null
    this.recount()
  }

  /** True when it says something new. Only of use while the teller is ahead of us. */
  hear(roster: Roster): boolean {
    if (roster.index <= Math.max(this.index, this.heard?.index ?? 0)) return false
    this.heard = roster
    this.recount()
    return true
  }

  /** True when the log has other changes than it had last time. */
  noteLog(log: LogOfChanges): boolean {
    const newest = log.newestConfChange
    if (newest === this.newestChange) return false
    this.newestChange = newest
    this.announced = log.announcedMembers().map(({ node: id, ...where }) => ({ id, ...where }))
    this.recount()
    return true
  }

  /** Everybody that we connect to, by node. */
  get peers(): readonly Peer[] {
    return [...this.allowed.values()].sort((a, b) => a.id - b.id)
  }

  find(id: NodeId): Peer | undefined {
    return this.allowed.get(id)
  }

  /** Every node can be told to know where it listens. */
  isConfigured(id: NodeId): boolean {
    return this.configured.some(peer => peer.id === id)
  }

  /** It was a member, as far as we can tell. */
  wasRemoved(id: NodeId): boolean {
    return this.gone.has(id) || this.isConfigured(id) || this.isKnownRemoved(id)
  }

  roster(): Roster {
    const others = this.peers.filter(({ id }) => this.members.has(id))
    const members = [...others, ...(isMember(this.confState, this.self.id) ? [this.self] : [])]
    return { index: this.index, members: members.sort((a, b) => a.id - b.id) }
  }

  private recount(): void {
    const { voters, votersOutgoing, learners, addresses } = this.confState
    const book = new Map<NodeId, Peer>()
    // The log has the last word about an address, for everybody reads the same there.
    for (const peer of this.heard?.members ?? []) book.set(peer.id, peer)
    for (const peer of this.configured) book.set(peer.id, peer)
    for (const peer of this.announced) if (peer.address !== '') book.set(peer.id, peer)
    for (const { node, name, address } of addresses ?? [])
      book.set(node, { id: node, name, address })
    // A node that joins knows nobody but those it was told of.
    const members =
      voters.length === 0
        ? this.configured.map(({ id }) => id)
        : [...voters, ...votersOutgoing, ...learners]
    const ahead = this.heard?.members.map(({ id }) => id) ?? []
    const before = this.members
    this.members = new Set([...members, ...ahead])
    this.allowed = new Map()
    for (const id of [...this.members, ...this.announced.map(peer => peer.id)]) {
      const peer = book.get(id)
      if (peer !== undefined && id !== this.self.id) this.allowed.set(id, peer)
    }
    for (const id of before) if (!this.allowed.has(id) && id !== this.self.id) this.gone.add(id)
    for (const id of this.allowed.keys()) this.gone.delete(id)
  }
}

export function isMember({ voters, votersOutgoing, learners }: ConfState, id: NodeId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id)
}
