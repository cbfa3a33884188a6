// Changes of the cluster that can help a pod for which no node was found. Pure.
// Counterpart: ClusterEvent of pkg/scheduler/framework.

import { sameJson } from '../../api/equality.js'
import type { Node } from '../../api/types/core-node.js'
import type { NodeInfo } from './state/node-info.js'
import { nodeInfo } from './state/node-info.js'
import type { PodInfo } from './state/pod-info.js'
import { podInfo } from './state/pod-info.js'
import type { Pod } from '../../api/types/core-pod.js'

export type EventKind =
  | 'node-added'
  | 'node-removed'
  | 'node-labels'
  | 'node-taints'
  | 'node-allocatable'
  /** A pod took a node, by us or by hand. */
  | 'pod-assigned'
  /** A pod with a node changed its labels or asks for less. */
  | 'pod-changed'
  /** A pod with a node finished or left. */
  | 'pod-freed'
  /** Claims, volumes, classes of storage, or what nodes say of their drivers. */
  | 'volumes'
  /** A pod of a gang came, or its group was changed. */
  | 'gang'

export type ClusterEvent =
  | { readonly kind: 'node-added' | 'node-removed'; readonly node: NodeInfo }
  | {
      readonly kind: 'node-labels' | 'node-taints' | 'node-allocatable'
      readonly node: NodeInfo
    }
  | { readonly kind: 'pod-assigned'; readonly pod: PodInfo }
  /** `backed`: it has only given up a node that it was not bound to; its own gang gains nothing. */
  | { readonly kind: 'pod-freed'; readonly pod: PodInfo; readonly backed: boolean }
  | { readonly kind: 'pod-changed'; readonly pod: PodInfo; readonly old: PodInfo }
  | { readonly kind: 'volumes' }
  /** "namespace/name" of the group. */
  | { readonly kind: 'gang'; readonly group: string }

export const nodeAdded = (node: Node): ClusterEvent => ({
  kind: 'node-added',
  node: nodeInfo(node, []),
})
export const nodeRemoved = (node: Node): ClusterEvent => ({
  kind: 'node-removed',
  node: nodeInfo(node, []),
})
export const podAssigned = (pod: Pod): ClusterEvent => ({ kind: 'pod-assigned', pod: podInfo(pod) })
export const podFreed = (pod: Pod, backed = false): ClusterEvent => ({
  kind: 'pod-freed',
  pod: podInfo(pod),
  backed,
})

/** What about a node changed that a filter looks at. */
export function nodeEvents(node: Node, old: Node): readonly ClusterEvent[] {
  const events: ClusterEvent[] = []
  const differ = (read: (node: Node) => unknown) => !sameJson(read(node), read(old))
  const info = nodeInfo(node, [])
  if (differ(one => one.metadata.labels)) events.push({ kind: 'node-labels', node: info })
  if (differ(one => [one.spec?.unschedulable, one.spec?.taints])) {
    events.push({ kind: 'node-taints', node: info })
  }
  if (differ(one => one.status?.allocatable)) events.push({ kind: 'node-allocatable', node: info })
  return events
}
