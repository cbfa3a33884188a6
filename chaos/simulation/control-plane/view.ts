// What the checks of the control plane look at: the truth of the store, the truth of the nodes, and how long
// nothing has gone wrong. Some promises hold only where nothing is in flight that was sent long ago.

import type { KubeObject, OwnerReference } from '../../../orchestrator/api/object.js'
import type { Pod } from '../../../orchestrator/api/types/core-pod.js'
import type { ObjectChange, ObjectHistory } from './object-history.js'
import type { SimNode } from './sim-node.js'

export interface View {
  readonly history: ObjectHistory
  readonly nodes: readonly SimNode[]
  readonly nowMs: () => number
  /** Nothing has gone wrong for so long that what was on its way has arrived. */
  readonly quiet: () => boolean
  /** Uids of pods that users have asked to be evicted. */
  readonly evicting: ReadonlySet<string>
  readonly mark: (fact: string) => void
}

/** Told of every change, in the order of the store. Throws SimulationFailure. */
export interface Check {
  changed(change: ObjectChange): void
}

export const isPod = (change: ObjectChange): boolean => change.resource === 'core/pods'

export const asPod = (object: KubeObject | null): Pod | null => object as Pod | null

export const isDeleting = (object: KubeObject | null): boolean =>
  object?.metadata.deletionTimestamp !== undefined

export const hasEnded = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

/** Counts among those that its controller has. */
export const isActive = (pod: Pod): boolean => !hasEnded(pod) && !isDeleting(pod)

export const controllerOf = (object: KubeObject | null): OwnerReference | null =>
  object?.metadata.ownerReferences?.find(({ controller }) => controller === true) ?? null

export const nameOf = ({ kind, metadata }: KubeObject): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`

export function podsOf(view: View, ownerUid: string): readonly Pod[] {
  return podsWhere(view, pod => controllerOf(pod)?.uid === ownerUid)
}

export function podsWhere(view: View, test: (pod: Pod) => boolean): readonly Pod[] {
  const found: Pod[] = []
  for (const object of view.history.of('core/pods')) {
    const pod = object as Pod
    if (test(pod)) found.push(pod)
  }
  return found
}
