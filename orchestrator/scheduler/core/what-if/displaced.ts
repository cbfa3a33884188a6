// What becomes of a pod that leaves its node: its controller makes it anew, it stays away, or it is lost. Pure.

import type { Pod } from '../../../api/types/core-pod.js'
import type { Taint } from '../../../api/types/core-scheduling.js'
import { toleratesAny } from '../../../api/tolerations.js'
import type { PodInfo } from '../state/pod-info.js'

export type Fate =
  /** Somewhere else, for whoever made it wants it to be. */
  | 'made-anew'
  /** It belonged to the node, and goes with it. */
  | 'of-the-node'
  /** Nobody makes it again. */
  | 'lost'

const mirrorAnnotation = 'kubernetes.io/config.mirror'

export function fateOf({ pod }: PodInfo): Fate {
  const { ownerReferences = [], annotations = {} } = pod.metadata
  if (Object.hasOwn(annotations, mirrorAnnotation)) return 'of-the-node'
  const owner = ownerReferences.find(one => one.controller === true)
  if (owner === undefined) return 'lost'
  return owner.kind === 'DaemonSet' || owner.kind === 'Node' ? 'of-the-node' : 'made-anew'
}

/** As its controller would make it: free to go anywhere. */
export function madeAnew({ pod }: PodInfo, uid: string): Pod {
  const { nodeName: _, ...spec } = pod.spec
  const { deletionTimestamp: __, ...metadata } = pod.metadata
  return { ...pod, metadata: { ...metadata, uid }, spec, status: {} }
}

/** Of a taint by which pods that are there already have to go; the first that it does not tolerate. */
export function evictingTaint({ pod }: PodInfo, taints: readonly Taint[]): Taint | undefined {
  const tolerations = pod.spec.tolerations ?? []
  return taints.find(taint => taint.effect === 'NoExecute' && !toleratesAny(tolerations, taint))
}
