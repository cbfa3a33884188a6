// What the node process does for the network of its pods: the proxy of Services, by one of its ways, and with
// rules in the kernel also NetworkPolicies; and the names of the cluster. Counterpart: kube-proxy's server, what
// network plug-ins do, and a NodeLocal DNSCache that needs no other one.

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
import { ownDnsService } from './dns/own-service.js'
import { type DnsOptions, startDns } from './dns/start-dns.js'
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
  /** Null without a DNS server on this node. */
  readonly dns: DnsOptions | null
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
  // Where programs are that only root runs, which a user's PATH need not name.
  const searchPath = `${options.searchPath}:/usr/sbin:/sbin`
  const nodeInformer = informers.of(nodes)
  const place = (): NodePlace => ({
    nodeName,
    zone: nodeInformer.objects.get(nodeName)?.metadata.labels?.[zoneLabel] ?? null,
  })
  const shared = {
    ...options,
    searchPath,
    place,
    services: informers.of(services),
    endpointSlices: informers.of(endpointSlices),
  }
  const dns = options.dns === null ? null : startDns(options.dns, options)
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
          ...(options.dns === null
            ? {}
            : { own: ownDnsService(options.dns.serverAddresses, options.dns.listen, nodeName) }),
          ...(health === null ? {} : { observer: health }),
        })
  const enforcer =
    proxy.mode === 'userspace'
      ? null
      : new PolicyEnforcer({
          ...options,
          searchPath,
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
      dns?.stop()
      await Promise.all([running.stop(), enforcer?.stop()])
    },
  }
}
