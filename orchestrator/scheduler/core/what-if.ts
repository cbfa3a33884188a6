// Where a pod would go if the cluster were another one: nodes more or fewer, pods that came or went. Pure; the
// cluster that is asked about stays as it is. Counterpart: none.

import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { explain, type Explanation } from './explanation.js'
import { placePod } from './placement.js'
import { planPreemption } from './preemption/preemption.js'
import type { Profile } from './profile.js'
import type { ClusterState } from './state/cluster-state.js'
import { podInfo } from './state/pod-info.js'

export interface HypotheticalChanges {
  /** New nodes, and nodes that are another way. */
  readonly nodes?: readonly Node[]
  readonly nodesGone?: readonly string[]
  /** With the node that each is on. */
  readonly pods?: readonly { readonly pod: Pod; readonly node: string }[]
  /** By uid. */
  readonly podsGone?: readonly string[]
}

/** Costs a copy of all pods. Of equally good nodes the first is named. */
export function whatIf(
  state: ClusterState,
  changes: HypotheticalChanges,
  pod: Pod,
  profile: Profile,
): Explanation {
  const trial = state.fork()
  for (const uid of changes.podsGone ?? []) trial.removePod(uid)
  for (const name of changes.nodesGone ?? []) trial.removeNode(name)
  for (const node of changes.nodes ?? []) trial.setNode(node)
  for (const one of changes.pods ?? []) {
    trial.setPod({ ...one.pod, spec: { ...one.pod.spec, nodeName: one.node } })
  }
  // Asked as for one that has no node.
  const { nodeName: _left, ...spec } = pod.spec
  const info = podInfo({ ...pod, spec })
  trial.removePod(info.uid)
  trial.endNomination(info.uid)
  const first = () => 0
  const placement = placePod({ pod: info, snapshot: trial, profile, start: 0, pick: first })
  if (placement.chosen !== null || !profile.preemption) return explain(placement)
  return explain(placement, planPreemption(placement, first, profile.preemption).explanation)
}
