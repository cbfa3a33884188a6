// Where a balancer listens, and which node ports are behind. Pure. Left out: UDP and SCTP, of which the status of a
// Service says so.

import type { Node } from '../../../api/types/core-node.js'
import type { LoadBalancerStatus, Service } from '../../../api/types/core-service.js'
import { type ProxyRule, ruleKey } from '../../../proxy/userspace/rules.js'

const affinitySecondsDefault = 10_800

/** By "address:port"; none for a port without a node port, or while there are no nodes. */
export function balancerRules(
  { metadata, spec = {} }: Service,
  address: string,
  nodes: readonly Node[],
): ReadonlyMap<string, ProxyRule> {
  const rules = new Map<string, ProxyRule>()
  // Nodes that are processes of one machine have one address.
  const hosts = [...new Set(nodes.map(addressOf))].filter(host => host !== '')
  const affinityMs =
    spec.sessionAffinity === 'ClientIP'
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault) * 1_000
      : null
  for (const { name, port, nodePort = 0, protocol = 'TCP' } of spec.ports ?? []) {
    if (protocol !== 'TCP' || nodePort === 0 || hosts.length === 0) continue
    const title = `${metadata.namespace ?? ''}/${metadata.name ?? ''}`
    const rule = {
      address,
      port,
      service: name === undefined ? title : `${title}:${name}`,
      backends: hosts.map(host => ({ address: host, port: nodePort })),
      affinityMs,
    }
    rules.set(ruleKey(rule), rule)
  }
  return rules
}

/** Where the balancer is reached: itself, for packets have to go through it. Ports that it leaves out say so. */
export function balancerStatus({ spec = {} }: Service, address: string): LoadBalancerStatus {
  const ports = (spec.ports ?? []).map(({ port, protocol = 'TCP' }) => ({
    port,
    protocol,
    ...(protocol === 'TCP' ? {} : { error: 'raftsman.dev/ProtocolNotBalanced' }),
  }))
  const partial = ports.some(({ protocol }) => protocol !== 'TCP')
  return { ingress: [{ ip: address, ipMode: 'Proxy', ...(partial ? { ports } : {}) }] }
}

export const addressOf = ({ status }: Node): string =>
  (status?.addresses ?? []).find(({ type }) => type === 'InternalIP')?.address ?? ''
