// Which addresses a node has to listen on in user space, and where connections to each may go. Counterpart: the
// portal and node-port maps of the former userspace mode. Pure. Left out: UDP, SCTP, load-balancer addresses
// (the balancer listens there), and externalIPs, which let any user take any address.

import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import {
  type Backend,
  byAge,
  type NodePlace,
  serviceName,
  servicePorts,
  slicesByService,
} from '../service-ports.js'

/** Listens at one address and port. */
export interface ProxyRule {
  readonly address: string
  readonly port: number
  /** As in "default/hello:http", for logs. */
  readonly service: string
  /** In a fixed order, without duplicates, at least one. */
  readonly backends: readonly Backend[]
  /** How long a client stays with its backend; null where it need not. */
  readonly affinityMs: number | null
}

export const ruleKey = ({ address, port }: { readonly address: string; readonly port: number }) =>
  `${address}:${port}`

/**
 * Rules by "address:port". `nodeAddresses` are where node ports are opened. A port without a
 * backend has no rule: nobody listens, and a connection is refused at once, as it should be.
 */
export function proxyRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  place: NodePlace,
  nodeAddresses: readonly string[],
): ReadonlyMap<string, ProxyRule> {
  const slicesOf = slicesByService(slices)
  const rules = new Map<string, ProxyRule>()
  for (const service of [...services].sort(byAge)) {
    const own = slicesOf.get(serviceName(service)) ?? []
    for (const rule of serviceRules(service, own, place, nodeAddresses)) {
      // Two services cannot have one address; of two that claim it the older one keeps it.
      if (!rules.has(ruleKey(rule))) rules.set(ruleKey(rule), rule)
    }
  }
  return rules
}

function serviceRules(
  service: Service,
  slices: readonly EndpointSlice[],
  place: NodePlace,
  nodeAddresses: readonly string[],
): readonly ProxyRule[] {
  const rules: ProxyRule[] = []
  for (const plan of servicePorts(service, slices, 'IPv4', place)) {
    if (plan.protocol !== 'TCP') continue
    const name = `${serviceName(service)}${plan.portName === '' ? '' : `:${plan.portName}`}`
    const affinityMs = plan.affinitySeconds === null ? null : plan.affinitySeconds * 1000
    const add = (addresses: readonly string[], port: number, localOnly: boolean): void => {
      const backends = (localOnly ? plan.local : plan.cluster).map(backend => ({
        address: backend.address,
        port: backend.port,
      }))
      if (backends.length === 0) return
      for (const address of addresses) {
        rules.push({ address, port, service: name, backends, affinityMs })
      }
    }
    add(plan.clusterIps, plan.port, plan.internalLocal)
    if (plan.nodePort !== null) add(nodeAddresses, plan.nodePort, plan.externalLocal)
  }
  return rules
}

/** Same listener, other backends: connections that stand are left alone. */
export function sameRule(a: ProxyRule, b: ProxyRule): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
