// What goes between this node and its peers, for Prometheus, under the names that etcd's rafthttp has for
// it. Frames count without what TLS and WebSocket add.

import type { Counter, Gauge, Histogram, Labels, Metrics } from '../../platform/metrics.js'
import type { NodeId } from '../core/types.js'

/** As etcd has them: 0.1 ms, doubled up to 3.3 s. */
const roundTripSeconds = Array.from({ length: 16 }, (_, at) => 0.0001 * 2 ** at)

interface LabelsOf {
  readonly to: Labels
  readonly from: Labels
  readonly pair: Labels
}

export class PeerMetrics {
  private readonly self: string
  private readonly sentBytes: Counter
  private readonly receivedBytes: Counter
  private readonly failures: Counter
  private readonly disconnects: Counter
  private readonly active: Gauge
  private readonly roundTrips: Histogram
  private readonly labels = new Map<NodeId, LabelsOf>()

  constructor(self: NodeId, metrics: Metrics) {
    this.self = hex(self)
    const pair = ['Local', 'Remote']
    this.sentBytes = metrics.counter(
      'etcd_network_peer_sent_bytes_total',
      'Bytes sent to a peer, snapshots with them.',
      ['To'],
    )
    this.receivedBytes = metrics.counter(
      'etcd_network_peer_received_bytes_total',
      'Bytes that came from a peer, snapshots with them.',
      ['From'],
    )
    this.failures = metrics.counter(
      'etcd_network_peer_sent_failures_total',
      'Messages to a peer that could not be sent; Raft sends newer ones.',
      ['To'],
    )
    this.disconnects = metrics.counter(
      'etcd_network_disconnected_peers_total',
      'Links to a peer that were lost.',
      pair,
    )
    this.active = metrics.gauge(
      'etcd_network_active_peers',
      '1 while there is a link to the peer.',
      pair,
    )
    this.roundTrips = metrics.histogram(
      'etcd_network_peer_round_trip_time_seconds',
      'From a ping to the answer of a peer, once a second.',
      roundTripSeconds,
      ['To'],
    )
  }

  /** Of a peer that this node begins to reach, so that what is zero is told. */
  known(peer: NodeId): void {
    const { to, from, pair } = this.of(peer)
    this.sentBytes.add(0, to)
    this.receivedBytes.add(0, from)
    this.failures.add(0, to)
    this.disconnects.add(0, pair)
    this.active.set(0, pair)
  }

  connected(peer: NodeId): void {
    this.active.set(1, this.of(peer).pair)
  }

  disconnected(peer: NodeId): void {
    const { pair } = this.of(peer)
    this.active.set(0, pair)
    this.disconnects.add(1, pair)
  }

  sent(peer: NodeId, bytes: number): void {
    this.sentBytes.add(bytes, this.of(peer).to)
  }

  received(peer: NodeId, bytes: number): void {
    this.receivedBytes.add(bytes, this.of(peer).from)
  }

  failed(peer: NodeId, messages: number): void {
    this.failures.add(messages, this.of(peer).to)
  }

  roundTrip(peer: NodeId, ms: number): void {
    this.roundTrips.observe(ms / 1000, this.of(peer).to)
  }

  private of(peer: NodeId): LabelsOf {
    const known = this.labels.get(peer)
    if (known !== undefined) return known
    const name = hex(peer)
    const labels = {
      to: { To: name },
      from: { From: name },
      pair: { Local: this.self, Remote: name },
    }
    this.labels.set(peer, labels)
    return labels
  }
}

/** As etcd writes ids. */
function hex(node: NodeId): string {
  return node.toString(16)
}
