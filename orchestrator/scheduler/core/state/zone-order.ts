// Nodes in an order in which neighbours are in different zones, so that any run of them, which is
// all that a large cluster looks at for one pod, covers all zones. Counterpart: nodeTree of
// pkg/scheduler/backend/cache.

import { type NodeInfo, zoneLabel } from './node-info.js'

const regionLabel = 'topology.kubernetes.io/region'

export function zoneOf(node: NodeInfo): string {
  return `${node.domainOf(regionLabel) ?? ''}:${node.domainOf(zoneLabel) ?? ''}`
}

/** One node of each zone in turn. */
export function inZoneOrder(nodes: Iterable<NodeInfo>): readonly NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>()
  for (const node of nodes) {
    const zone = zoneOf(node)
    const known = zones.get(zone)
    if (known) known.push(node)
    else zones.set(zone, [node])
  }
  if (zones.size === 1) return [...zones.values()][0] ?? []
  const ordered: NodeInfo[] = []
  const longest = Math.max(0, ...[...zones.values()].map(zone => zone.length))
  for (let at = 0; at < longest; at++) {
    for (const zone of zones.values()) {
      const node = zone[at]
      if (node) ordered.push(node)
    }
  }
  return ordered
}
