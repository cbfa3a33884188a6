// What the node process does for the network of its pods: the proxy of Services, by one of its ways, and with
// rules in the kernel also NetworkPolicies. Counterpart: kube-proxy's server, and what network plug-ins do.

import type { Clock } from '../platform/clock.js'
import type { Logger } from '../platform/logger.js'
import type { Metrics } from '../platform/metrics.js'
import type { Processes } from '../platform/processes.js'
import type { Random } from '../platform/random.js'
import {
  endpointSlices,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  services,
} from './client/resources.js'
import type { SharedInformers } from './client/shared-informers.js'
import { PolicyEnforcer } from './network-policy/policy-enforcer.js'
import { HealthServers } from './proxy/health/health-servers.js'
import type { ProxyConfig } from './proxy/nftables/proxy-names.js'
import { NftablesProxy } from './proxy/nftables/nftables-proxy.js'
import type { NodePlace } from './proxy/service-ports.js'
import { UserspaceProxy } from './proxy/userspace/userspace-proxy.js'

export type ProxyOptions =
  | {
      readonly mode: 'userspace'
      /** Where node ports are opened. */
      readonly nodeAddresses: readonly string[]
    }
  | ({
      /** Needs root and nft. */
      readonly mode: 'nftables'
      /** Addresses of this node where the health of Services is told. */
      readonly healthHosts: readonly string[]
      /** Of the proxy's own health; null without. */
      readonly healthListen: { readonly host: string; readonly port: number } | null
    } & ProxyConfig)

export interface NodeNetworkOptions {
  readonly nodeName: string
  /** Whose informer of nodes is narrowed to this one. */
  readonly informers: SharedInformers
  readonly proxy: ProxyOptions
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly logger: Logger
  readonly metrics: Metrics
  readonly searchPath: string
}

export interface NodeNetwork {
  stop(): Promise<void>
}

const families = ['IPv4', 'IPv6'] as const
const zoneLabel = 'topology.kubernetes.io/zone'

/** Informers are started by the caller, afterwards. */
export function startNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  const { nodeName, informers, proxy } = options
  const nodeInformer = informers.of(nodes)
  const place = (): NodePlace => ({
    nodeName,
    zone: nodeInformer.objects.get(nodeName)?.metadata.labels?.[zoneLabel] ?? null,
  })
  const shared = {
    ...options,
    place,
    services: informers.of(services),
    endpointSlices: informers.of(endpointSlices),
  }
  const health =
    proxy.mode === 'userspace'
      ? null
      : new HealthServers({
          ...options,
          hosts: proxy.healthHosts,
          listen: proxy.healthListen,
          node: () => nodeInformer.objects.get(nodeName),
        })
  const running =
    proxy.mode === 'userspace'
      ? new UserspaceProxy({ ...shared, nodeAddresses: proxy.nodeAddresses })
      : new NftablesProxy({
          ...shared,
          families,
          config: proxy,
          ...(health === null ? {} : { observer: health }),
        })
  const enforcer =
    proxy.mode === 'userspace'
      ? null
      : new PolicyEnforcer({
          ...options,
          policies: informers.of(networkPolicies),
          pods: () => informers.of(pods),
          namespaces: () => informers.of(namespaces),
          families,
        })
  let zone: string | null = null
  const placeChanged = (): void => {
    if (place().zone === zone) return
    zone = place().zone
    running.placeChanged()
  }
  nodeInformer.addHandlers({ onAdd: placeChanged, onUpdate: placeChanged })
  health?.start()
  running.start()
  enforcer?.start()
  return {
    async stop() {
      health?.stop()
      await Promise.all([running.stop(), enforcer?.stop()])
    },
  }
}
