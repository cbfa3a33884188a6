// Where a pod goes, and why: every filter's reason and every score for every node. Pure; the
// answer is the whole explanation. Counterpart: schedulePod of pkg/scheduler/schedule_one.go, which
// keeps neither scores nor reasons. Left out: sampling of nodes in very large clusters.

import type { LabelSelector } from '../api/selectors.js'
import type { Filter, Rejection } from './filters/filter.js'
import { nodeAffinity } from './filters/node-affinity.js'
import { nodeName, nodeUnschedulable, taintToleration } from './filters/node-filters.js'
import { interPodAffinity } from './filters/pod-affinity.js'
import { nodePorts, nodeResourcesFit } from './filters/resource-filters.js'
import { podTopologySpread } from './filters/topology-spread.js'
import type { NodeInfo, PodInfo } from './node-info.js'
import { affinityPreference, taintPreference } from './scores/preference-scores.js'
import { balancedAllocation, imageLocality, leastAllocated } from './scores/resource-scores.js'
import type { Score, ScoreName } from './scores/score.js'
import { topologySpread } from './scores/spread-score.js'

/** In this order; the first that rejects a node speaks for it. */
export const filters: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
]

export const scores: readonly Score[] = [
  taintPreference,
  affinityPreference,
  topologySpread,
  leastAllocated,
  balancedAllocation,
  imageLocality,
]

export interface NodeExplanation {
  readonly node: string
  /** Null for a node that passed. */
  readonly rejection: Rejection | null
  /** Pods here of a lower priority, which preemption could remove. */
  readonly lowerPriorityPods: number
  /** Weighted, by score; empty for a rejected node. */
  readonly scores: Readonly<Partial<Record<ScoreName, number>>>
  readonly total: number
}

export interface Placement {
  /** Null when no node passed. */
  readonly chosen: string | null
  readonly nodes: readonly NodeExplanation[]
}

export interface PlacementInputs {
  readonly pod: PodInfo
  readonly nodes: readonly NodeInfo[]
  readonly kin: readonly LabelSelector[]
  /** Picks one of `count` equally good nodes. */
  readonly pick: (count: number) => number
}

export function placePod(inputs: PlacementInputs): Placement {
  const { pod, nodes, kin, pick } = inputs
  const checks = filters.map(filter => filter.prepare(pod, nodes))
  const rejections = nodes.map(node => {
    for (const check of checks) {
      const rejection = check(node)
      if (rejection) return rejection
    }
    return null
  })
  const feasible = nodes.filter((_node, index) => rejections[index] === null)
  const scored = scoreNodes(pod, feasible, kin)
  const explained = nodes.map((node, index) => {
    const rejection = rejections[index] ?? null
    const own = scored.get(node.name) ?? {}
    const total = Object.values(own).reduce((sum, value) => sum + value, 0)
    const lowerPriorityPods = rejection ? countLowerPriority(pod, node) : 0
    return { node: node.name, rejection, lowerPriorityPods, scores: own, total }
  })
  const passed = explained.filter(one => one.rejection === null)
  if (passed.length === 0) return { chosen: null, nodes: explained }
  const best = Math.max(...passed.map(one => one.total))
  const winners = passed.filter(one => one.total === best)
  const chosen = winners[winners.length === 1 ? 0 : pick(winners.length)]
  return { chosen: chosen?.node ?? null, nodes: explained }
}

type ScoresOfNode = Partial<Record<ScoreName, number>>

function scoreNodes(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  kin: readonly LabelSelector[],
): ReadonlyMap<string, ScoresOfNode> {
  const result = new Map<string, ScoresOfNode>(nodes.map(node => [node.name, {}] as const))
  for (const score of scores) {
    const values = score.run({ pod, nodes, kin })
    for (const [index, node] of nodes.entries()) {
      const own = result.get(node.name)
      if (own) own[score.name] = (values[index] ?? 0) * score.weight
    }
  }
  return result
}

/**
 * The sentence of a FailedScheduling event: "0/3 nodes are available: 1 Insufficient cpu, 2
 * node(s) had untolerated taint {a: b}. preemption: ...".
 */
export function unschedulableMessage(placement: Placement): string {
  const { nodes } = placement
  if (nodes.length === 0) return 'no nodes available to schedule pods'
  const all = `0/${nodes.length} nodes are available`
  const reasons = tally(nodes.flatMap(one => one.rejection?.reasons ?? []))
  const preemption = tally(
    nodes.map(({ rejection, lowerPriorityPods }) => {
      if (!rejection?.helpedByPreemption) return 'Preemption is not helpful for scheduling'
      if (lowerPriorityPods === 0) return 'No preemption victims found for incoming pod'
      return 'Pods of lower priority are left running'
    }),
  )
  return `${all}: ${reasons}. preemption: ${all}: ${preemption}.`
}

function countLowerPriority({ pod }: PodInfo, node: NodeInfo): number {
  const priority = pod.spec.priority ?? 0
  return [...node.pods.values()].filter(other => (other.pod.spec.priority ?? 0) < priority).length
}

function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ')
}
