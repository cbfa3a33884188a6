// The scheduler without its shell: every decision is the shipping code's, every write succeeds at once,
// and comes back as a new object, as an informer would bring it.

import { seededRandom } from '../../platform/seeded-random.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { labelSelectorFromMap } from '../../orchestrator/api/selectors.js'
import type { Node } from '../../orchestrator/api/types/core-node.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { podAssigned } from '../../orchestrator/scheduler/core/cluster-event.js'
import { explain, rejectingPlugins } from '../../orchestrator/scheduler/core/explanation.js'
import { placePod } from '../../orchestrator/scheduler/core/placement.js'
import { prioritySort } from '../../orchestrator/scheduler/core/plugins/gates-and-order.js'
import { defaultProfile } from '../../orchestrator/scheduler/core/profile.js'
import { ClusterState } from '../../orchestrator/scheduler/core/state/cluster-state.js'
import { podInfo } from '../../orchestrator/scheduler/core/state/pod-info.js'
import { noSurroundings } from '../../orchestrator/scheduler/core/state/snapshot.js'
import { hintsOf, SchedulingQueue } from '../../orchestrator/scheduler/queue/scheduling-queue.js'

export class SimulatedScheduler {
  placed = 0
  private readonly random = seededRandom(1)
  /** Every pod is of a ReplicaSet, and so spread over nodes and zones by default. */
  private readonly state = new ClusterState({
    ...noSurroundings,
    kinOf: ({ labels }) => labelSelectorFromMap({ app: labels['app'] ?? '' }),
  })
  private readonly queue = new SchedulingQueue({
    clock: new VirtualClock(),
    onReady: () => {},
    queueSort: prioritySort.queueSort ?? (() => 0),
    mayHelp: hintsOf(() => defaultProfile.plugins),
  })
  private start = 0

  addNode(node: Node): void {
    this.state.setNode(node)
  }

  add(pod: Pod): void {
    this.queue.addOrUpdate(pod, false)
  }

  /** Decides on all that wait, or until `untilMs` of `performance.now`. */
  run(onDecision: (micros: number) => void, untilMs = Number.POSITIVE_INFINITY): void {
    for (let pod = this.queue.take(); pod; pod = this.queue.take()) {
      const began = performance.now()
      this.decide(pod)
      const now = performance.now()
      onDecision((now - began) * 1000)
      if (now > untilMs) return
    }
  }

  private decide(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const placement = placePod({
      pod: podInfo(pod),
      snapshot: this.state,
      profile: defaultProfile,
      start: this.start,
      pick: count => this.random.integer(count),
    })
    this.start = placement.nextStart
    explain(placement)
    if (placement.chosen === null) {
      this.queue.reject(uid, rejectingPlugins(placement))
      return
    }
    const nodeName = placement.chosen.name
    this.state.assume(pod, nodeName)
    this.queue.done(uid)
    const shown: Pod = { ...pod, spec: { ...pod.spec, nodeName } }
    this.state.setPod(shown)
    this.queue.notify(podAssigned(shown))
    this.placed++
  }
}
