// Pods that nobody will ever finish: their node is gone, or they were deleted before they had one.
// Pure. Counterpart: pkg/controller/podgc.

import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import { isPodTerminal } from '../pod-state.js'

export interface PodGcInputs {
  readonly pods: readonly Pod[]
  readonly nodes: ReadonlyMap<string, Node>
  /** Monotonic time at which each missing node was first missed. */
  readonly missingSinceMs: ReadonlyMap<string, number>
  readonly nowMs: number
  readonly quarantineMs: number
  /** Finished pods beyond this many are removed, the oldest first. */
  readonly terminatedMax: number
}

export interface PodGcPlan {
  /** Forced, after the node is confirmed to be missing. */
  readonly orphaned: readonly Pod[]
  /** Forced, without further checks. */
  readonly force: readonly Pod[]
  /** Finished ones. */
  readonly finished: readonly Pod[]
}

const outOfServiceTaint = 'node.kubernetes.io/out-of-service'

export function planPodGc(inputs: PodGcInputs): PodGcPlan {
  const { pods, nodes, missingSinceMs, nowMs, quarantineMs, terminatedMax } = inputs
  const orphaned: Pod[] = []
  const force: Pod[] = []
  for (const pod of pods) {
    const nodeName = pod.spec.nodeName ?? ''
    const node = nodes.get(nodeName)
    if (nodeName === '') {
      if (isDeleting(pod)) force.push(pod)
    } else if (!node) {
      const since = missingSinceMs.get(nodeName)
      if (since !== undefined && nowMs - since >= quarantineMs) orphaned.push(pod)
    } else if (isDeleting(pod) && isOutOfService(node)) {
      // An operator vouches by the taint that the machine is off; until then a second copy of
      // the pod could still be running there.
      force.push(pod)
    }
  }
  const terminated = pods.filter(pod => isPodTerminal(pod) && !isDeleting(pod))
  const surplus = Math.max(0, terminated.length - terminatedMax)
  const createdMs = (pod: Pod) => parseTimeMs(pod.metadata.creationTimestamp) ?? 0
  const finished = terminated.toSorted((a, b) => createdMs(a) - createdMs(b)).slice(0, surplus)
  return { orphaned, force, finished }
}

function isOutOfService(node: Node): boolean {
  const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')
  const vouched = (node.spec?.taints ?? []).some(taint => taint.key === outOfServiceTaint)
  return vouched && ready?.status !== 'True'
}
