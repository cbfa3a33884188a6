// What happens to a pod once its node is chosen: the phases that write, or wait. Each plugin that takes part is a
// stage; they run in the order of their list, and what was reserved is given back in the opposite order.
// Counterpart: Reserve, Permit, PreBind, Bind and PostBind of the scheduling framework.
//
//   reserve > permit > (wait) > pre-bind > bind > post-bind
//      \________\_________\________\________\____ unreserve where one of them fails

import type { Pod } from '../../api/types/core-pod.js'
import type { PluginName, Rejection } from '../core/plugin.js'
import type { PodInfo } from '../core/state/pod-info.js'

/** A pod with the node that was chosen for it. */
export interface PlacedPod {
  readonly pod: Pod
  readonly info: PodInfo
  readonly nodeName: string
}

/** At permit: go on, wait at most so long for somebody to say so, or not at all. */
export type Permission =
  | { readonly kind: 'allow' }
  | { readonly kind: 'wait'; readonly timeoutMs: number }
  | { readonly kind: 'reject'; readonly rejection: Rejection }

export interface Stage {
  readonly name: PluginName
  /** Synchronous, while the pod is placed: the next pod sees what was taken. Null: taken. */
  readonly reserve?: (placed: PlacedPod) => Rejection | null
  /** Called for all stages whose `reserve` was called; must not fail, and may be called twice. */
  readonly unreserve?: (placed: PlacedPod) => void
  readonly permit?: (placed: PlacedPod) => Permission
  /** Throws a StageFailure where the pod must look for another node. */
  readonly preBind?: (placed: PlacedPod) => Promise<void>
  readonly bind?: (placed: PlacedPod) => Promise<void>
  readonly postBind?: (placed: PlacedPod) => void
}

/** A stage that turned the pod away: it is unschedulable until something changes. */
export class StageFailure extends Error {
  readonly rejectedBy: PluginName

  constructor(rejectedBy: PluginName, message: string) {
    super(message)
    this.name = 'StageFailure'
    this.rejectedBy = rejectedBy
  }
}
