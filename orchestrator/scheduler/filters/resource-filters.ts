// Filters that look at what is left of a node: resources, pod slots, host ports.
// Counterpart: plugins noderesources (fit) and nodeports.

import type { Amounts, HostPort, NodeInfo } from '../node-info.js'
import type { Filter } from './filter.js'

export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  prepare:
    ({ requests }) =>
    node => {
      const reasons = insufficient(requests, node)
      if (reasons.length === 0) return null
      // Room can only be made for what the node could hold when empty.
      const helpedByPreemption = [...requests].every(
        ([name, wanted]) => wanted <= (node.allocatable.get(name) ?? 0),
      )
      return { filter: 'NodeResourcesFit', reasons, helpedByPreemption }
    },
}

function insufficient(requests: Amounts, node: NodeInfo): readonly string[] {
  const reasons: string[] = []
  const slots = node.allocatable.get('pods') ?? 0
  if (node.pods.size + 1 > slots) reasons.push('Too many pods')
  for (const [name, wanted] of requests) {
    const free = (node.allocatable.get(name) ?? 0) - (node.requested.get(name) ?? 0)
    if (wanted > 0 && wanted > free) reasons.push(`Insufficient ${name}`)
  }
  return reasons
}

export const nodePorts: Filter = {
  name: 'NodePorts',
  prepare:
    ({ ports }) =>
    node => {
      if (ports.length === 0 || !portsTaken(ports, node)) return null
      const reasons = ["node(s) didn't have free ports for the requested pod ports"]
      return { filter: 'NodePorts', reasons, helpedByPreemption: true }
    },
}

function portsTaken(wanted: readonly HostPort[], node: NodeInfo): boolean {
  for (const { ports } of node.pods.values()) {
    if (ports.some(taken => wanted.some(one => portsCollide(one, taken)))) return true
  }
  return false
}

function portsCollide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
}
