// How full a node may be to be liked: the three strategies of NodeResourcesFit.
// Counterpart: least_allocated.go, most_allocated.go, requested_to_capacity_ratio.go.

import { unreachable } from '../../../../platform/errors.js'
import { scoreMax } from '../plugin.js'
import type { NodeInfo } from '../state/node-info.js'
import { amountOf, type PodInfo } from '../state/pod-info.js'

export interface WeightedResource {
  readonly name: string
  readonly weight: number
}

/** A point of a line: at `utilization` percent a node scores `score` of 0..10. */
export interface ShapePoint {
  readonly utilization: number
  readonly score: number
}

export type ScoringStrategy = {
  readonly resources: readonly WeightedResource[]
} & (
  | { readonly type: 'LeastAllocated' | 'MostAllocated' }
  | { readonly type: 'RequestedToCapacityRatio'; readonly shape: readonly ShapePoint[] }
)

export const defaultStrategy: ScoringStrategy = {
  type: 'LeastAllocated',
  resources: [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ],
}

/** 0..100 for what would be used of what there is; both above 0, and `used` up to `capacity` or beyond. */
export type Curve = (used: number, capacity: number) => number

export function curveOf(strategy: ScoringStrategy): Curve {
  switch (strategy.type) {
    case 'LeastAllocated':
      return (used, capacity) =>
        used > capacity ? 0 : Math.floor(((capacity - used) * scoreMax) / capacity)
    case 'MostAllocated':
      return (used, capacity) => Math.floor((Math.min(used, capacity) * scoreMax) / capacity)
    case 'RequestedToCapacityRatio': {
      const { shape } = strategy
      return (used, capacity) => onLine(shape, Math.min(100, Math.floor((used * 100) / capacity)))
    }
    default:
      return unreachable(strategy)
  }
}

/** Scores of shapes are 0..10. */
const shapeScale = 10

function onLine(shape: readonly ShapePoint[], utilization: number): number {
  let before: ShapePoint | null = null
  for (const point of shape) {
    if (utilization <= point.utilization) {
      if (!before) return point.score * shapeScale
      const share = (utilization - before.utilization) / (point.utilization - before.utilization)
      return Math.trunc((before.score + (point.score - before.score) * share) * shapeScale)
    }
    before = point
  }
  return (before?.score ?? 0) * shapeScale
}

/** What the node's pods count for in scores, together with the one that comes. */
export function usedWith(node: NodeInfo, pod: PodInfo, resource: string): number {
  if (resource === 'cpu') return node.scoredCpu + pod.scoredCpu
  if (resource === 'memory') return node.scoredMemory + pod.scoredMemory
  const requested =
    resource === 'ephemeral-storage'
      ? node.requested.ephemeralStorage
      : (node.requested.others?.get(resource) ?? 0)
  return requested + amountOf(pod.requests, resource)
}
