// How long a failed pod of a DaemonSet stays: longer each time one fails on its node. A node that turns every pod away
// would otherwise be fought over in a loop. Pure. Counterpart: failedPodsBackoff of pkg/controller/daemon.

import type { DaemonSet } from '../../api/types/apps-daemon-set.js'

const firstMs = 1000
const longestMs = 15 * 60_000
/** After so long without a failure the next one is a first one. */
const forgottenMs = 2 * longestMs

interface Failure {
  readonly delayMs: number
  readonly atMs: number
}

interface Failures {
  /** With another intent of the user the counting begins anew. */
  readonly generation: number
  readonly byNode: Map<string, Failure>
}

/** Bounded by the sets that there are, times their nodes. Times are monotonic. */
export class FailedPods {
  readonly #bySet = new Map<string, Failures>()

  /** 0: one that failed on the node may go now. */
  waitMs(set: DaemonSet, node: string, nowMs: number): number {
    const failure = this.#failuresOf(set)?.byNode.get(node)
    if (failure === undefined || isForgotten(failure, nowMs)) return 0
    return Math.max(0, failure.atMs + failure.delayMs - nowMs)
  }

  /** One that failed on the node goes. */
  note(set: DaemonSet, node: string, nowMs: number): void {
    const generation = set.metadata.generation ?? 0
    const failures = this.#failuresOf(set) ?? { generation, byNode: new Map<string, Failure>() }
    const { byNode } = failures
    for (const [name, failure] of byNode) if (isForgotten(failure, nowMs)) byNode.delete(name)
    const before = byNode.get(node)
    const delayMs = before === undefined ? firstMs : Math.min(before.delayMs * 2, longestMs)
    byNode.set(node, { delayMs, atMs: nowMs })
    this.#bySet.set(set.metadata.uid ?? '', failures)
  }

  /** The set is gone. */
  forget(set: DaemonSet): void {
    this.#bySet.delete(set.metadata.uid ?? '')
  }

  #failuresOf({ metadata }: DaemonSet): Failures | undefined {
    const known = this.#bySet.get(metadata.uid ?? '')
    return known?.generation === (metadata.generation ?? 0) ? known : undefined
  }
}

function isForgotten({ atMs }: Failure, nowMs: number): boolean {
  return nowMs - atMs > forgottenMs
}
