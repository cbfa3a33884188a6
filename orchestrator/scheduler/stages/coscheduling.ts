// Holds the pods of a gang where they are until enough of them have a node; then all go on, or after a while none.
// Counterpart: Permit and Unreserve of the coscheduling plugin.

import { type Gang, gangOf, podGroupLabel } from '../core/gang.js'
import type { PodInfo } from '../core/state/pod-info.js'
import type { Snapshot } from '../core/state/snapshot.js'
import type { Permission, PlacedPod, Stage } from './stage.js'
import type { WaitingPods } from './waiting-pods.js'

const pluginName = 'Coscheduling'

export interface CoschedulingContext {
  readonly waiting: WaitingPods
  readonly snapshot: Snapshot
}

export class CoschedulingStage implements Stage {
  readonly name = pluginName
  private readonly context: CoschedulingContext

  constructor(context: CoschedulingContext) {
    this.context = context
  }

  readonly permit = ({ info }: PlacedPod): Permission => {
    const gang = this.context.snapshot.surroundings.gangOf(info)
    if (gang === null) return { kind: 'allow' }
    if (this.placed(info, gang) < gang.minMember) {
      return { kind: 'wait', timeoutMs: gang.timeoutMs }
    }
    for (const { uid } of this.waitingSiblings(info)) this.context.waiting.allow(uid, pluginName)
    return { kind: 'allow' }
  }

  readonly unreserve = ({ info }: PlacedPod): void => {
    this.giveUp(info, 'a pod of the gang gave its node up')
  }

  /** Those of the gang that wait let their nodes go: it does not come together now. */
  giveUp(info: PodInfo, why: string): void {
    for (const { uid } of this.waitingSiblings(info)) {
      this.context.waiting.reject(uid, pluginName, `rejected while waiting for its gang: ${why}`)
    }
  }

  /** Pods of the gang that have nodes, this one with them. */
  private placed({ namespace, pod }: PodInfo, gang: Gang): number {
    const name = pod.metadata.labels?.[podGroupLabel] ?? ''
    const selector = [{ key: podGroupLabel, operator: 'In', values: [name] }] as const
    let count = 0
    const { classes } = this.context.snapshot
    for (const { nodes } of classes.ofNamespace(namespace, selector, `gang ${gang.key}`)) {
      for (const pods of nodes.values()) count += pods
    }
    return count
  }

  private waitingSiblings({ pod, uid }: PodInfo): readonly PodInfo[] {
    const gang = gangOf(pod)
    if (gang === null) return []
    return this.context.waiting
      .list()
      .map(({ info }) => info)
      .filter(other => other.uid !== uid && gangOf(other.pod) === gang)
  }
}
