// Which nodes run a pod of a DaemonSet. Pure. Counterpart: NodeShouldRunDaemonPod of pkg/controller/daemon.
// Room is not asked for: a pod that does not fit for want of it is made, and waits for the scheduler.

import { matchesNodeAffinity } from '../../api/node-affinity.js'
import { toleratesAny } from '../../api/tolerations.js'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Node } from '../../api/types/core-node.js'
import type { PodSpec } from '../../api/types/core-pod.js'
import type { Toleration } from '../../api/types/core-scheduling.js'

/**
 * What a node is to a DaemonSet: it gets a pod (`wanted`); it gets none, but keeps the one it has (`kept`: a taint
 * came that only turns new pods away); it is to have none (`unfit`).
 */
export type NodeFit = 'wanted' | 'kept' | 'unfit'

const tolerationOf = (condition: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  effect,
})

/** Daemons stay where others are sent away: they are what mends a node, or says what ails it. */
const everywhere: readonly Toleration[] = [
  tolerationOf('not-ready', 'NoExecute'),
  tolerationOf('unreachable', 'NoExecute'),
  tolerationOf('disk-pressure', 'NoSchedule'),
  tolerationOf('memory-pressure', 'NoSchedule'),
  tolerationOf('pid-pressure', 'NoSchedule'),
  tolerationOf('unschedulable', 'NoSchedule'),
]
const withoutNetwork = tolerationOf('network-unavailable', 'NoSchedule')

/** The template's own and those that all daemons have. */
export function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const ours = spec.hostNetwork === true ? [...everywhere, withoutNetwork] : everywhere
  // One that only differs in its seconds gives way: daemons are not sent away after a while either.
  const theirs = (spec.tolerations ?? []).filter(one => !ours.some(own => isAlike(one, own)))
  return [...theirs, ...ours]
}

function isAlike(a: Toleration, b: Toleration): boolean {
  return (
    a.key === b.key &&
    a.effect === b.effect &&
    a.operator === b.operator &&
    (a.value ?? '') === (b.value ?? '')
  )
}

/** Prepared once for a set, asked for each node. */
export function nodeFit({ spec }: DaemonSet): (node: Node) => NodeFit {
  const pod = spec.template.spec ?? { containers: [] }
  const tolerations = tolerationsOf(pod)
  const named = pod.nodeName ?? ''
  const bears = (node: Node, effect: string) =>
    (node.spec?.taints ?? []).every(
      taint => taint.effect !== effect || toleratesAny(tolerations, taint),
    )
  return node => {
    if (named !== '' && named !== node.metadata.name) return 'unfit'
    if (!matchesNodeAffinity(pod, node) || !bears(node, 'NoExecute')) return 'unfit'
    return bears(node, 'NoSchedule') ? 'wanted' : 'kept'
  }
}
