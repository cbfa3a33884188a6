// UDP has no end: the kernel goes on to send the packets of a flow where the first one went. Which of its
// flows lead to a Service by a way that the Service no longer has? Counterpart: pkg/proxy/conntrack's
// reconciler. Pure.

import {
  type AddressFamily,
  addressFamily,
  canonicalAddress,
  rangeContains,
} from '../../api/address-range.js'
import { type Backend, backendKey, type ServicePortPlan } from '../service-ports.js'

export interface Flow {
  /** As the client sees it. */
  readonly source: Backend
  readonly destination: Backend
  /** Who answers. The same as `destination` where no rule led the flow elsewhere. */
  readonly answerer: Backend
}

/** From a line of `conntrack -L -p udp`; null for any other text. */
export function parseFlow(line: string): Flow | null {
  const values = [...line.matchAll(/\b(src|dst|sport|dport)=(\S+)/g)]
  if (values.length < 8) return null
  const at = (name: string, occurrence: number): string =>
    values.filter(([, key]) => key === name)[occurrence]?.[2] ?? ''
  const end = (address: string, port: string): Backend => ({
    address: canonicalAddress(address),
    port: Number(port),
  })
  return {
    source: end(at('src', 0), at('sport', 0)),
    destination: end(at('dst', 0), at('dport', 0)),
    answerer: end(at('src', 1), at('sport', 1)),
  }
}

export type Plans = ReadonlyMap<string, readonly ServicePortPlan[]>

/** Whether a change may have left flows behind: one of UDP, of any kind. */
export function concernsUdp(before: Plans, after: Plans): boolean {
  for (const [name, plans] of after) {
    const old = before.get(name)
    if (old !== plans && [...plans, ...(old ?? [])].some(isUdp)) return true
  }
  for (const [name, plans] of before) if (!after.has(name) && plans.some(isUdp)) return true
  return false
}

const isUdp = ({ protocol }: ServicePortPlan): boolean => protocol === 'UDP'

/**
 * `gone` are the plans before; a flow of a Service that is no more is stale too, if a backend of it answers.
 * `nodePortAddresses` are networks.
 */
export function staleFlows(
  flows: readonly Flow[],
  before: Plans,
  after: Plans,
  family: AddressFamily,
  nodePortAddresses: readonly string[],
): readonly Flow[] {
  const now = frontends(after)
  const gone = frontends(before)
  const networks = nodePortAddresses.filter(range => addressFamily(range) === family)
  const isNodePort = ({ address }: Backend): boolean =>
    networks.some(range => rangeContains(range, `${address}/${family === 'IPv4' ? 32 : 128}`))
  const answerers = (known: Frontends, { destination }: Flow): ReadonlySet<string> | undefined =>
    known.addresses.get(backendKey(destination)) ??
    (isNodePort(destination) ? known.nodePorts.get(destination.port) : undefined)
  return flows.filter(flow => {
    if (addressFamily(flow.destination.address) !== family) return false
    const led = answerers(now, flow)
    if (led !== undefined) {
      // Nobody answers at all: what is refused leaves no flow, and one that was led is over.
      const direct = backendKey(flow.answerer) === backendKey(flow.destination)
      return led.size === 0 ? !direct : !led.has(backendKey(flow.answerer))
    }
    return answerers(gone, flow)?.has(backendKey(flow.answerer)) === true
  })
}

interface Frontends {
  /** Keys of backends by the key of an address and port. */
  readonly addresses: Map<string, Set<string>>
  readonly nodePorts: Map<number, Set<string>>
}

function frontends(plans: Plans): Frontends {
  const found: Frontends = { addresses: new Map(), nodePorts: new Map() }
  for (const plan of [...plans.values()].flat()) {
    if (!isUdp(plan)) continue
    const { clusterIps, externalIps, loadBalancerIps, port, nodePort } = plan
    const answerers = new Set([...plan.cluster, ...plan.local].map(backendKey))
    for (const address of [...clusterIps, ...externalIps, ...loadBalancerIps]) {
      found.addresses.set(backendKey({ address, port }), answerers)
    }
    if (nodePort !== null) found.nodePorts.set(nodePort, answerers)
  }
  return found
}
