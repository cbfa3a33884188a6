// Nodes as a DaemonSet sees them: each with what it is to the set and with the set's pods there. Pure. Counterpart:
// getNodesToDaemonPods of pkg/controller/daemon.

import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import { isPodReady, isPodTerminal } from '../pod-state.js'
import { targetNode } from './daemon-pod.js'
import { type NodeFit, nodeFit } from './node-fit.js'

export interface Place {
  readonly name: string
  readonly fit: NodeFit
  /** Those bound to it and those made for it, the ones that are being deleted included. */
  readonly pods: readonly Pod[]
}

export interface Places {
  /** One for each node, in the order of the nodes. */
  readonly places: readonly Place[]
  /** Made for nodes that are gone, and bound to none: only we know that nothing will become of them. */
  readonly stranded: readonly Pod[]
}

/** `pods` are the set's own. */
export function placesOf(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): Places {
  const fit = nodeFit(set)
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    // One that has ended and is deleted, too, is only held back by a finalizer: the node is free.
    if (isDeleting(pod) && isPodTerminal(pod)) continue
    const name = targetNode(pod)
    if (name === null) continue
    const there = byNode.get(name)
    if (there) there.push(pod)
    else byNode.set(name, [pod])
  }
  const places = nodes.map(node => {
    const name = node.metadata.name ?? ''
    const there = byNode.get(name) ?? []
    byNode.delete(name)
    return { name, fit: fit(node), pods: there }
  })
  const stranded = [...byNode.values()].flat().filter(pod => !isBound(pod) && !isDeleting(pod))
  return { places, stranded }
}

/** The first is the one that stays: bound, ready, the oldest. */
export function byRank(pods: readonly Pod[]): readonly Pod[] {
  return pods.toSorted(
    (a, b) =>
      Number(isDeleting(a)) - Number(isDeleting(b)) ||
      Number(isBound(b)) - Number(isBound(a)) ||
      Number(isPodReady(b)) - Number(isPodReady(a)) ||
      createdMs(a) - createdMs(b) ||
      compareText(a.metadata.name ?? '', b.metadata.name ?? ''),
  )
}

function isBound({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== ''
}

function createdMs({ metadata }: Pod): number {
  return parseTimeMs(metadata.creationTimestamp) ?? 0
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
