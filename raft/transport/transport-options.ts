// What the parts of the transport share: who we are, who the others are, and what they use.

import type { Clock } from '../../platform/clock.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Address, ConnectOptions, Link, Network, TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Message, NodeId } from '../core/types.js'
import type { SnapshotSink } from '../state-machine.js'
import type { Contacts, Roster } from './contacts.js'
import type { Channel } from './frame-codec.js'
import { encodeFrame, frameBytesMax, linkPath } from './frame-codec.js'
import type { PeerMetrics } from './peer-metrics.js'
import type { Presence } from './presence.js'
import type { RefusalReason, Refusals } from './refusals.js'
import { PeerRefused } from './refusals.js'

/** A connection that does not get as far as a greeting within this time is given up. */
export const handshakeMsMax = 5000
/** Every link carries something at least this often, or is taken for dead after `silenceMsMax`. */
export const pingMs = 1000
export const silenceMsMax = 5000
/** Frames a little above the limit are still read, so that their sender is told what is wrong. */
export const frameBytesRead = frameBytesMax + 64 * 1024

export type SnapshotRequest = Extract<Message, { kind: 'snapshotRequest' }>

/** Versions of what stands in log entries, which this room does not look into. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** Of a node that does not say: what there was before nodes said. */
export const firstVersions: VersionRange = { min: 1, max: 1 }

export interface Peer {
  readonly id: NodeId
  readonly name: string
  readonly address: Address
}

export interface TransportOptions {
  readonly id: NodeId
  readonly name: string
  readonly clusterId: number
  readonly contacts: Contacts
  readonly listen: Address
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly logger: Logger
  readonly metrics: Metrics
  /** What this node tells its peers that it speaks; `firstVersions` when absent. */
  readonly speaks?: VersionRange
  /** Messages of one frame, of a peer that has shown who it is. */
  readonly onMessages: (messages: readonly Message[]) => void
  /** A message that was given to `send` and certainly never left. */
  readonly onDropped: (message: Message) => void
  /** Our link to a peer has ended, and what was on its way with it; perhaps the peer starts anew. */
  readonly onLost: (peer: NodeId) => void
  /**
   * A peer that we had reached has ended: it has no link to us, ours has closed, and nobody listens at
   * its address. Told again whenever that is seen anew. Whatever stands in between may say so wrongly.
   */
  readonly onGone: (peer: NodeId) => void
  /** A peer does not let us in. */
  readonly onRefused: (peer: NodeId, reason: RefusalReason) => void
  /** Where the chunks of a snapshot go. An error refuses it. */
  readonly beginRestore: (
    request: SnapshotRequest,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ) => void
  /** All chunks are in the sink and verified; nothing is committed yet. */
  readonly onSnapshot: (request: SnapshotRequest, sink: SnapshotSink) => void
}

/** What the links of one transport have in common. */
export interface LinkOptions extends TransportOptions {
  readonly refusals: Refusals
  readonly traffic: PeerMetrics
  readonly presence: Presence
  /** A peer told who the members are. */
  readonly onRoster: (roster: Roster) => void
}

export function connectOptions(options: TransportOptions, peer: Peer): ConnectOptions {
  return {
    address: peer.address,
    tls: options.tls,
    path: linkPath,
    frameBytesMax: frameBytesRead,
    handshakeMsMax,
  }
}

export function helloFrame(
  options: TransportOptions,
  peer: Peer,
  channel: Channel,
  version: number,
): Uint8Array {
  return encodeFrame({
    kind: 'hello',
    version,
    clusterId: options.clusterId,
    from: options.id,
    to: peer.id,
    name: options.name,
    channel,
  })
}

/**
 * Throws PeerRefused when a link does not end where it should. Certificates carry node names; one that
 * was added without a name may show any that the peers' authority has signed.
 */
export function checkCertificate(options: TransportOptions, link: Link, name: string): void {
  if (options.tls === null || link.peerName === name) return
  if (name === '' && link.peerName !== null) return
  throw new PeerRefused(
    'wrong-certificate',
    `its certificate names "${link.peerName ?? ''}", expected "${name}"`,
  )
}
