// Which routes there have to be between nodes, for the addresses of their pods. Pure. Counterpart:
// controllers/route of k8s.io/cloud-provider.

import type { Node, NodeCondition } from '../../api/types/core-node.js'
import type { Route } from '../provider.js'

export interface RoutePlan {
  readonly create: readonly Route[]
  readonly remove: readonly Route[]
}

export const podCidrsOf = ({ spec }: Node): readonly string[] =>
  spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])

/** One for each range of each node; those of nodes that are gone, or of ranges that they have no more, go. */
export function planRoutes(nodes: readonly Node[], routes: readonly Route[]): RoutePlan {
  const wanted = nodes.flatMap(node =>
    podCidrsOf(node).map(podCidr => ({ nodeName: node.metadata.name ?? '', podCidr })),
  )
  const there = new Set(routes.map(keyOf))
  const needed = new Set(wanted.map(keyOf))
  return {
    create: wanted.filter(route => !there.has(keyOf(route))),
    remove: routes.filter(route => !needed.has(keyOf(route))),
  }
}

export const keyOf = ({ nodeName, podCidr }: Route): string => `${nodeName} ${podCidr}`

/** The condition that keeps pods away from a node which none can reach; null where it says so already. */
export function networkCondition(
  { status }: Node,
  reachable: boolean,
  now: string,
): NodeCondition | null {
  const known = (status?.conditions ?? []).find(({ type }) => type === 'NetworkUnavailable')
  const value = reachable ? 'False' : 'True'
  if (known?.status === value) return null
  return {
    type: 'NetworkUnavailable',
    status: value,
    reason: reachable ? 'RouteCreated' : 'NoRouteCreated',
    message: reachable
      ? 'RouteController created a route'
      : 'RouteController failed to create a route',
    lastTransitionTime: now,
    lastHeartbeatTime: now,
  }
}
