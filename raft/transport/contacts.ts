// Who may speak with this node, and where each listens: the members of the configuration, those that
// were added at run time, and for a node that was away, what a peer tells of members it has not heard
// of yet. Counterpart: RaftCluster and AddRemote of etcd's server. Leaves out what a member may do:
// that is the core's, by the membership in its log.

import type { ConfState, LogIndex, NodeId } from '../core/types.js'
import { logIndex } from '../core/types.js'
import type { Peer } from './transport-options.js'

/** The members at a point of the log, as one node tells them to another. Sorted by node. */
export interface Roster {
  readonly index: LogIndex
  readonly members: readonly Peer[]
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
    const members = [...this.peers, ...(isMember(this.confState, this.self.id) ? [this.self] : [])]
    return { index: this.index, members: members.sort((a, b) => a.id - b.id) }
  }

  private recount(): void {
    const { voters, votersOutgoing, learners, addresses } = this.confState
    const book = new Map<NodeId, Peer>()
    // The log has the last word about an address, for everybody reads the same there.
    for (const peer of this.heard?.members ?? []) book.set(peer.id, peer)
    for (const peer of this.configured) book.set(peer.id, peer)
    for (const { node, name, address } of addresses ?? [])
      book.set(node, { id: node, name, address })
    // A node that joins knows nobody but those it was told of.
    const members =
      voters.length === 0
        ? this.configured.map(({ id }) => id)
        : [...voters, ...votersOutgoing, ...learners]
    const ahead = this.heard?.members.map(({ id }) => id) ?? []
    const allowed = new Map<NodeId, Peer>()
    for (const id of [...members, ...ahead]) {
      const peer = book.get(id)
      if (peer !== undefined && id !== this.self.id) allowed.set(id, peer)
    }
    for (const id of this.allowed.keys()) if (!allowed.has(id)) this.gone.add(id)
    for (const id of allowed.keys()) this.gone.delete(id)
    this.allowed = allowed
  }
}

export function isMember({ voters, votersOutgoing, learners }: ConfState, id: NodeId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id)
}
