// What the parts of the transport share: who we are, who the others are, and what they use.

import type { Clock } from '../../platform/clock.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Address, ConnectOptions, Link, Network, TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Message, NodeId } from '../core/types.js'
import type { SnapshotSink } from '../state-machine.js'
import type { Channel } from './frame-codec.js'
import { encodeFrame, frameBytesMax, linkPath, protocolVersion } from './frame-codec.js'

/** A connection that does not get as far as a greeting within this time is given up. */
export const handshakeMsMax = 5000
/** Every link carries something at least this often, or is taken for dead after `silenceMsMax`. */
export const pingMs = 1000
export const silenceMsMax = 5000

export type SnapshotRequest = Extract<Message, { kind: 'snapshotRequest' }>

export interface Peer {
  readonly id: NodeId
  readonly name: string
  readonly address: Address
}

export interface TransportOptions {
  readonly id: NodeId
  readonly name: string
  readonly clusterId: number
  readonly peers: readonly Peer[]
  readonly listen: Address
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly logger: Logger
  readonly metrics: Metrics
  /** Messages of one frame, of a peer that has shown who it is. */
  readonly onMessages: (messages: readonly Message[]) => void
  /** A message that was given to `send` and certainly never left. */
  readonly onDropped: (message: Message) => void
  /** Where the chunks of a snapshot go. An error refuses it. */
  readonly beginRestore: (
    request: SnapshotRequest,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ) => void
  /** All chunks are in the sink and verified; nothing is committed yet. */
  readonly onSnapshot: (request: SnapshotRequest, sink: SnapshotSink) => void
}

export function connectOptions(options: TransportOptions, peer: Peer): ConnectOptions {
  return {
    address: peer.address,
    tls: options.tls,
    path: linkPath,
    frameBytesMax,
    handshakeMsMax,
  }
}

export function helloFrame(options: TransportOptions, peer: Peer, channel: Channel): Uint8Array {
  return encodeFrame({
    kind: 'hello',
    version: protocolVersion,
    clusterId: options.clusterId,
    from: options.id,
    to: peer.id,
    name: options.name,
    channel,
  })
}

/** Why a link does not end where it should; null when it does. Certificates carry node names. */
export function wrongCertificate(
  options: TransportOptions,
  link: Link,
  expectedName: string,
): string | null {
  if (options.tls === null || link.peerName === expectedName) return null
  return `its certificate names "${link.peerName ?? ''}", expected "${expectedName}"`
}
