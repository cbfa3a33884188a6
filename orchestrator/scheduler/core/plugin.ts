// What a plugin is: an object with the phases that it takes part in. Those here decide, and are pure:
// plain functions over a snapshot. What has to be written is done by the shell's stages
// (../stages/stage.ts): reserve, permit, pre-bind, bind, post-bind.
// Counterpart: the scheduling framework of pkg/scheduler/framework.
//
//   pre-enqueue > queue sort > filter (prepared once, asked a node) > post-filter (preemption)
//                               > score (prepared once, asked a node, normalized, weighted)

import type { Pod } from '../../api/types/core-pod.js'
import type { ClusterEvent, EventKind } from './cluster-event.js'
import type { NodeInfo } from './state/node-info.js'
import type { PodInfo } from './state/pod-info.js'
import type { Snapshot } from './state/snapshot.js'

export type PluginName =
  | 'SchedulingGates'
  | 'PrioritySort'
  | 'NodeUnschedulable'
  | 'NodeName'
  | 'TaintToleration'
  | 'NodeAffinity'
  | 'NodePorts'
  | 'NodeResourcesFit'
  | 'VolumeRestrictions'
  | 'NodeVolumeLimits'
  | 'VolumeBinding'
  | 'VolumeZone'
  | 'PodTopologySpread'
  | 'InterPodAffinity'
  | 'DefaultPreemption'
  | 'NodeResourcesBalancedAllocation'
  | 'ImageLocality'
  | 'DefaultBinder'
  | 'Coscheduling'
  | 'DataLocality'
  | 'Interference'

export interface Rejection {
  readonly plugin: PluginName
  /** Texts of the original, since people search for them. */
  readonly reasons: readonly string[]
  /** Moving other pods away could make room. */
  readonly helpedByPreemption: boolean
}

export interface Question {
  readonly pod: PodInfo
  readonly snapshot: Snapshot
}

/** What a filter made of a pod before it looks at any node. */
export interface PreparedFilter {
  /** Null lets the node pass. The values are shared: nothing is made for each node. */
  readonly check: (node: NodeInfo) => Rejection | null
  /** Null: any node may do. Else no other node can, and none of them is looked at. */
  readonly only?: ReadonlySet<string>
  /** It only looks at the node itself: who else is there makes no difference. */
  readonly nodeOnly?: true
  /**
   * For a trial: `other` came to the node (1) or left it (-1). Undone by the opposite. Left out where only
   * the NodeInfo counts, which the trial changes itself.
   */
  readonly podMoved?: (other: PodInfo, node: NodeInfo, by: 1 | -1) => void
}

/** A rejection means that no node will do. Null: the plugin has nothing against any node. */
export type PrepareFilter = (question: Question) => PreparedFilter | Rejection | null

export interface ScoreQuestion extends Question {
  /** Nodes that passed all filters. */
  readonly nodes: readonly NodeInfo[]
}

export interface PreparedScore {
  /** Of any scale where it is normalized, else in 0..100; more is better. */
  readonly score: (node: NodeInfo) => number
  /** Brings the scores, in the order of the nodes, to 0..100. Left out where they are. */
  readonly normalize?: (scores: Float64Array) => void
}

/** Null: all nodes are alike to the plugin. */
export type PrepareScore = (question: ScoreQuestion) => PreparedScore | null

/** What a queue knows of a pod that waits. */
export interface QueuedPod {
  readonly pod: Pod
  readonly priority: number
  /** Monotonic; of a gang, when the first of its pods came. */
  readonly sinceMs: number
  /** Wall time by which it should have a node; infinite where it does not say. */
  readonly deadlineMs: number
  /** Orders those that are equal in all else; counts up. */
  readonly sequence: number
}

/** Whether an event could make a node pass that the plugin has turned the pod away from. */
export type QueueingHint = (event: ClusterEvent, pod: PodInfo) => boolean

export interface Plugin {
  readonly name: PluginName
  /** Keeps a pod out of the queue altogether. */
  readonly preEnqueue?: (pod: Pod) => Rejection | null
  /** Below zero: `a` goes first. */
  readonly queueSort?: (a: QueuedPod, b: QueuedPod) => number
  readonly filter?: PrepareFilter
  readonly score?: PrepareScore
  /** By kind of event; kinds that are left out never help. */
  readonly hints?: Partial<Record<EventKind, QueueingHint>>
}

export const scoreMax = 100

/** Stretches to 0..100; `reverse` where less is better. All equal to 0 gives all the same. */
export function normalizeDefault(scores: Float64Array, reverse: boolean): void {
  let highest = 0
  for (const score of scores) if (score > highest) highest = score
  if (highest === 0) {
    if (reverse) scores.fill(scoreMax)
    return
  }
  for (let at = 0; at < scores.length; at++) {
    const share = Math.floor(((scores[at] ?? 0) * scoreMax) / highest)
    scores[at] = reverse ? scoreMax - share : share
  }
}

export const isRejection = (value: PreparedFilter | Rejection): value is Rejection =>
  'reasons' in value
