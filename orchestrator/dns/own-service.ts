// The Service by which the proxy leads the cluster's DNS address to the DNS server of the same node. It is nowhere
// in the API: each node has its own. Pure.

import { addressFamily } from '../api/address-range.js'
import type { Service } from '../api/types/core-service.js'
import type { EndpointSlice } from '../api/types/discovery.js'

const namespace = 'kube-system'
const name = 'raftsman-node-dns'

export interface OwnService {
  readonly services: readonly Service[]
  readonly endpointSlices: readonly EndpointSlice[]
}

/** `listen` must be of the family of the addresses; others are left out. */
export function ownDnsService(
  addresses: readonly string[],
  listen: { readonly host: string; readonly port: number },
  nodeName: string,
): OwnService {
  const family = addressFamily(listen.host)
  const clusterIPs = addresses.filter(address => addressFamily(address) === family)
  const [clusterIP] = clusterIPs
  if (clusterIP === undefined) return { services: [], endpointSlices: [] }
  const protocols = [
    { name: 'dns', protocol: 'UDP' },
    { name: 'dns-tcp', protocol: 'TCP' },
  ]
  return {
    services: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { clusterIP, clusterIPs, ports: protocols.map(port => ({ ...port, port: 53 })) },
      },
    ],
    endpointSlices: [
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
        addressType: family,
        endpoints: [{ addresses: [listen.host], nodeName }],
        ports: protocols.map(port => ({ ...port, port: listen.port })),
      },
    ],
  }
}
