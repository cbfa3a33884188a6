// How the objects of the proxy's table are called, how it is configured, and what each address family says in its
// own way. Pure.

import { type AddressFamily, addressFamily, mergedRanges } from '../../api/address-range.js'
import type { TableFamily } from '../../nftables/table.js'

export const proxyTableName = 'raftsman-proxy'

export interface ProxyConfig {
  /** Pods' networks of both families; who comes from elsewhere to a cluster IP is masqueraded. */
  readonly clusterCidrs: readonly string[]
  /** Networks of this node's own addresses at which node ports are open, as in "10.0.0.0/8". */
  readonly nodePortAddresses: readonly string[]
  /** Also who comes from pods. */
  readonly masqueradeAll: boolean
  /** Of the packet mark, 0 to 31: what is to be masqueraded carries it on the way through this node. */
  readonly masqueradeBit: number
}

export const chains = {
  mark: 'mark-for-masquerade',
  reject: 'reject-chain',
  services: 'find-service',
  dead: 'refuse-dead',
} as const

export const sets = {
  clusterIps: 'cluster-ips',
  serviceIps: 'service-ips',
  serviceNodePorts: 'service-nodeports',
  deadServices: 'no-endpoint-services',
  deadNodePorts: 'no-endpoint-nodeports',
  firewallIps: 'firewall-ips',
  hairpins: 'hairpin-connections',
} as const

/** What is said in another way in each family. */
export interface FamilyWords {
  readonly ip: TableFamily
  readonly addressType: 'ipv4_addr' | 'ipv6_addr'
  readonly podRanges: readonly string[]
  /** As before a port. */
  readonly bracketed: (address: string) => string
  /** The same addresses in networks of this family that do not meet. */
  readonly merged: (ranges: readonly string[]) => readonly string[]
}

export function wordsOf(family: AddressFamily, { clusterCidrs }: ProxyConfig): FamilyWords {
  const merged = (ranges: readonly string[]): readonly string[] =>
    mergedRanges(ranges.filter(range => addressFamily(range) === family))
  const podRanges = merged(clusterCidrs)
  return family === 'IPv4'
    ? { ip: 'ip', addressType: 'ipv4_addr', podRanges, merged, bracketed: address => address }
    : {
        ip: 'ip6',
        addressType: 'ipv6_addr',
        podRanges,
        merged,
        bracketed: address => `[${address}]`,
      }
}

/** One value as it is, several as a set without a name. */
export const oneOf = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] ?? '') : `{ ${values.join(', ')} }`
