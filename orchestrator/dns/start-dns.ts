// A whole DNS server: informers' state, the zone, others for the rest, and the ports. For the node process and for
// `raftsman dns`.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import { endpointSlices, namespaces, services } from '../client/resources.js'
import type { SharedInformers } from '../client/shared-informers.js'
import { DnsServer } from './dns-server.js'
import { Forwarder, type Upstream } from './forwarder.js'
import { informerView } from './informer-view.js'
import { Resolver } from './resolver.js'

export interface DnsOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** As in "cluster.local". */
  readonly clusterDomain: string
  /** Addresses by which clients know this server. */
  readonly serverAddresses: readonly string[]
  /** Who is asked for names from elsewhere. */
  readonly upstreams: readonly Upstream[]
}

export interface DnsParts {
  /** Started by the caller, afterwards. */
  readonly informers: SharedInformers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
}

export interface RunningDns {
  /** Its port, as soon as the address could be bound. */
  readonly bound: Promise<number>
  /** Whether it knows enough to say that a name is not there. */
  ready(): boolean
  stop(): void
}

export function startDns(options: DnsOptions, parts: DnsParts): RunningDns {
  const { informers, clock, random, logger, metrics } = parts
  const view = informerView({
    zone: options.clusterDomain,
    serverAddresses: options.serverAddresses,
    services: informers.of(services),
    endpointSlices: informers.of(endpointSlices),
    namespaces: informers.of(namespaces),
  })
  const forwarder = new Forwarder({ upstreams: options.upstreams, clock, random })
  const resolver = new Resolver({ view, forwarder, random, logger, metrics })
  const server = new DnsServer({ resolver, ...options.listen, clock, random, logger })
  return { bound: server.start(), ready: () => view() !== null, stop: () => server.stop() }
}
