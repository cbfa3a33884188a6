// Which changes of the cluster can help a pod that certain filters turned away. Pure.
// Counterpart: EventsToRegister and the queueing hints of the scheduling framework. Too generous
// an answer costs one attempt; too mean a one leaves a pod waiting for the five-minute flush.

import type { Node } from '../api/types/core-node.js'
import type { FilterName } from './filters/filter.js'

export type ClusterEvent =
  | 'node-added'
  | 'node-removed'
  | 'node-labels'
  | 'node-taints'
  | 'node-allocatable'
  /** A pod took a node, by us or by hand. */
  | 'pod-assigned'
  /** A pod with a node finished, left, or changed its labels. */
  | 'pod-freed'

const helpfulEvents: Readonly<Record<FilterName, readonly ClusterEvent[]>> = {
  NodeUnschedulable: ['node-added', 'node-taints'],
  NodeName: ['node-added'],
  TaintToleration: ['node-added', 'node-taints'],
  NodeAffinity: ['node-added', 'node-labels'],
  NodePorts: ['node-added', 'pod-freed'],
  NodeResourcesFit: ['node-added', 'node-allocatable', 'pod-freed'],
  PodTopologySpread: ['node-added', 'node-removed', 'node-labels', 'pod-assigned', 'pod-freed'],
  InterPodAffinity: ['node-added', 'node-labels', 'pod-assigned', 'pod-freed'],
}

/** A pod that met no node at all waits for any. */
export function mayHelp(event: ClusterEvent, rejectedBy: ReadonlySet<FilterName>): boolean {
  if (rejectedBy.size === 0) return event === 'node-added'
  return [...rejectedBy].some(filter => helpfulEvents[filter].includes(event))
}

/** What about a node changed that a filter looks at. */
export function nodeEvents(node: Node, old: Node): readonly ClusterEvent[] {
  const events: ClusterEvent[] = []
  const differ = (read: (node: Node) => unknown) =>
    JSON.stringify(read(node)) !== JSON.stringify(read(old))
  if (differ(one => one.metadata.labels)) events.push('node-labels')
  if (differ(one => [one.spec?.unschedulable, one.spec?.taints])) events.push('node-taints')
  if (differ(one => one.status?.allocatable)) events.push('node-allocatable')
  return events
}
