// What a filter is: prepared once for a pod, asked once for each node. Pure, like all of them.
// Counterpart: PreFilter and Filter of the scheduling framework.

import type { NodeInfo, PodInfo } from '../node-info.js'

export type FilterName =
  | 'NodeUnschedulable'
  | 'NodeName'
  | 'TaintToleration'
  | 'NodeAffinity'
  | 'NodePorts'
  | 'NodeResourcesFit'
  | 'PodTopologySpread'
  | 'InterPodAffinity'

export interface Rejection {
  readonly filter: FilterName
  /** Texts of the original, since people search for them. */
  readonly reasons: readonly string[]
  /** Moving other pods away could make room. */
  readonly helpedByPreemption: boolean
}

/** Null lets the node pass. */
export type NodeCheck = (node: NodeInfo) => Rejection | null

export interface Filter {
  readonly name: FilterName
  readonly prepare: (pod: PodInfo, nodes: readonly NodeInfo[]) => NodeCheck
}
