// What a score is: raw values for all nodes that passed, brought to 0..100, more is better. Pure.
// Counterpart: Score and NormalizeScore of the scheduling framework.

import type { LabelSelector } from '../../api/selectors.js'
import type { NodeInfo, PodInfo } from '../node-info.js'

export const scoreMax = 100

export type ScoreName =
  | 'NodeResourcesFit'
  | 'NodeResourcesBalancedAllocation'
  | 'TaintToleration'
  | 'NodeAffinity'
  | 'PodTopologySpread'
  | 'ImageLocality'

export interface ScoreInputs {
  readonly pod: PodInfo
  /** Nodes that passed all filters. */
  readonly nodes: readonly NodeInfo[]
  /** Selectors of the Services and the owner of the pod: its kin, which should be spread. */
  readonly kin: readonly LabelSelector[]
}

export interface Score {
  readonly name: ScoreName
  readonly weight: number
  /** One value in 0..100 for each node, in their order. */
  readonly run: (inputs: ScoreInputs) => readonly number[]
}

/** Stretches to 0..100; `reverse` where less is better. All equal to 0 gives all the same. */
export function normalized(values: readonly number[], reverse: boolean): readonly number[] {
  const highest = Math.max(0, ...values)
  if (highest === 0) return values.map(() => (reverse ? scoreMax : 0))
  return values.map(value => {
    const share = Math.floor((value * scoreMax) / highest)
    return reverse ? scoreMax - share : share
  })
}
