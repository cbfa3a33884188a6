// Everything between this node and its peers. Counterpart: etcd's rafthttp, over WebSocket links
// in place of HTTP streams. Sending is best effort and never waits; order per peer is kept while a
// link lasts.

import { must } from '../../platform/errors.js'
import type { Address, Listener } from '../../platform/network.js'
import type { Message, NodeId } from '../core/types.js'
import type { SnapshotSource } from '../state-machine.js'
import type { Roster } from './contacts.js'
import { linkPath } from './frame-codec.js'
import { IncomingLinks } from './incoming-links.js'
import { PeerLink } from './peer-link.js'
import { PeerMetrics } from './peer-metrics.js'
import { Presence } from './presence.js'
import { Refusals } from './refusals.js'
import { SnapshotSender } from './snapshot-sender.js'
import type {
  LinkOptions,
  SnapshotRequest,
  TransportOptions,
  VersionRange,
} from './transport-options.js'
import { frameBytesRead, handshakeMsMax } from './transport-options.js'

/**
 * A peer may have two links of each kind while an old one has not ended yet, and how many peers
 * there will be is not known. The rest is for strangers, who are gone after the handshake time.
 */
const linksMax = 256

export class Transport {
  private readonly options: LinkOptions
  private readonly links = new Map<NodeId, PeerLink>()
  private readonly snapshots = new Map<NodeId, SnapshotSender>()
  private readonly incoming: IncomingLinks
  private listener: Listener | null = null
  private touched = new Set<PeerLink>()
  private stopped = false

  private constructor(options: TransportOptions) {
    const { clock, id, logger, metrics } = options
    this.options = {
      ...options,
      refusals: new Refusals(clock, logger, metrics),
      traffic: new PeerMetrics(id, metrics),
      presence: new Presence(peer => this.links.get(peer)?.lookAgain()),
      onRoster: roster => this.heard(roster),
    }
    this.incoming = new IncomingLinks(this.options)
  }

  /** Listens, and begins to reach every peer. `error` says why it cannot listen. */
  static open(
    options: TransportOptions,
    ready: (error: Error | null, transport?: Transport) => void,
  ): void {
    const transport = new Transport(options)
    options.network.listen(
      {
        address: options.listen,
        tls: options.tls,
        path: linkPath,
        frameBytesMax: frameBytesRead,
        linksMax,
        handshakeMsMax,
      },
      transport.incoming.handlers,
      (error, listener) => {
        if (error !== null) {
          transport.incoming.stop()
          ready(error)
          return
        }
        transport.listener = must(listener, 'a listener without error')
        transport.connectAll()
        ready(null, transport)
      },
    )
  }

  get address(): Address {
    return must(this.listener, 'an open transport listens').address
  }

  /** Peers that have welcomed us. */
  get reachable(): readonly NodeId[] {
    return [...this.links].filter(([, link]) => link.connected).map(([id]) => id)
  }

  /** What the peers that have welcomed us say that they speak. */
  get versions(): ReadonlyMap<NodeId, VersionRange> {
    const versions = new Map<NodeId, VersionRange>()
    for (const [id, { speaks }] of this.links) if (speaks !== null) versions.set(id, speaks)
    return versions
  }

  /** The contacts are others now: links to new ones are made, and those to lost ones ended. */
  contactsChanged(): void {
    if (this.stopped || this.listener === null) return
    this.connectAll()
    this.incoming.contactsChanged()
  }

  private connectAll(): void {
    const { contacts } = this.options
    for (const [id, link] of this.links) {
      const { peer } = link
      const now = contacts.find(id)
      if (now !== undefined && now.address === peer.address && now.name === peer.name) continue
      link.stop()
      this.links.delete(id)
      if (now === undefined) this.snapshots.get(id)?.cancel('not a member any more')
    }
    for (const peer of contacts.peers)
      if (!this.links.has(peer.id)) this.links.set(peer.id, new PeerLink(this.options, peer))
  }

  private heard(roster: Roster): void {
    if (this.options.contacts.hear(roster)) this.contactsChanged()
  }

  /** Leaves with the next `flush`. What cannot is given to `onDropped` then. */
  send(message: Message): void {
    const link = this.links.get(message.to)
    if (link === undefined) {
      this.options.traffic.failed(message.to, 1)
      this.options.onDropped(message)
      return
    }
    link.send(message)
    this.touched.add(link)
  }

  /** All messages of a turn to one peer leave in one frame. */
  flush(): void {
    if (this.touched.size === 0) return
    const touched = this.touched
    this.touched = new Set()
    for (const link of touched) link.flush()
  }

  /** One at a time to a peer: a newer one ends the older. Closes the source in every case. */
  sendSnapshot(
    request: SnapshotRequest,
    source: SnapshotSource,
    done: (ok: boolean, reason: string) => void,
  ): void {
    const peer = this.options.contacts.find(request.to)
    if (peer === undefined || this.stopped) {
      source.close()
      done(false, 'not a peer')
      return
    }
    this.snapshots.get(peer.id)?.cancel('replaced by a newer snapshot')
    const sender = new SnapshotSender(this.options, peer, request, source, (ok, reason) => {
      if (this.snapshots.get(peer.id) === sender) this.snapshots.delete(peer.id)
      done(ok, reason)
    })
    this.snapshots.set(peer.id, sender)
  }

  /** This node leads no more: what it has on its way is the next leader's business. */
  cancelSnapshots(): void {
    for (const sender of this.snapshots.values()) sender.cancel('this node leads no more')
  }

  close(done: () => void): void {
    this.stopped = true
    this.incoming.stop()
    for (const link of this.links.values()) link.stop()
    for (const sender of this.snapshots.values()) sender.cancel('node stops')
    must(this.listener, 'an open transport listens').close(done)
  }
}
