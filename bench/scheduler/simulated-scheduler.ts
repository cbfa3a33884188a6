// The scheduler without its shell: every decision is the shipping code's, every write succeeds at once,
// and comes back as a new object, as an informer would bring it.

import { seededRandom } from '../../platform/seeded-random.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { labelSelectorFromMap } from '../../orchestrator/api/selectors.js'
import type { Node } from '../../orchestrator/api/types/core-node.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { podAssigned, podFreed } from '../../orchestrator/scheduler/core/cluster-event.js'
import {
  explain,
  rejectingPlugins,
  unschedulableMessage,
} from '../../orchestrator/scheduler/core/explanation.js'
import { type Placement, placePod } from '../../orchestrator/scheduler/core/placement.js'
import { planPreemption } from '../../orchestrator/scheduler/core/preemption/preemption.js'
import { prioritySort } from '../../orchestrator/scheduler/core/plugins/gates-and-order.js'
import { defaultProfile } from '../../orchestrator/scheduler/core/profile.js'
import { ClusterState } from '../../orchestrator/scheduler/core/state/cluster-state.js'
import { podInfo } from '../../orchestrator/scheduler/core/state/pod-info.js'
import { noSurroundings } from '../../orchestrator/scheduler/core/state/snapshot.js'
import { hintsOf, SchedulingQueue } from '../../orchestrator/scheduler/queue/scheduling-queue.js'
import { podOf } from './workloads.js'

export class SimulatedScheduler {
  placed = 0
  private readonly random = seededRandom(1)
  private readonly clock = new VirtualClock()
  /** Every pod is of a ReplicaSet, and so spread over nodes and zones by default. */
  private readonly state = new ClusterState({
    ...noSurroundings,
    kinOf: ({ labels }) => labelSelectorFromMap({ app: labels['app'] ?? '' }),
  })
  private readonly queue = new SchedulingQueue({
    clock: this.clock,
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

  /** Fills each node with pods of low priority. */
  fill(nodes: number): void {
    for (let at = 0; at < nodes * fillersPerNode; at++) {
      const nodeName = `node-${at % nodes}`
      const filler = podOf('default', at)
      const [container] = filler.spec.containers
      if (!container) continue
      const resources = { requests: { cpu: '1', memory: '256Mi' } }
      const spec = { ...filler.spec, nodeName, containers: [{ ...container, resources }] }
      this.state.setPod({ ...filler, spec })
    }
  }

  /** Decides on all that wait, or until `untilMs` of `performance.now`. */
  run(onDecision: (micros: number) => void, untilMs = Number.POSITIVE_INFINITY): void {
    let now = performance.now()
    for (let pod = this.next(); pod; pod = this.next()) {
      const began = performance.now()
      this.decide(pod)
      const before = now
      now = performance.now()
      this.clock.advance(now - before)
      onDecision((now - began) * 1000)
      if (now > untilMs) return
    }
  }

  /** Where all that are left have to wait, time goes by at once. */
  private next(): Pod | null {
    const pod = this.queue.take()
    if (pod || this.queue.lengths.backoff === 0) return pod
    this.clock.advance(10_000)
    return this.queue.take()
  }

  private decide(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const placement = placePod({
      pod: podInfo(pod),
      snapshot: this.state,
      profile: defaultProfile,
      start: this.start,
      ...this.nominationOf(uid),
      pick: count => this.random.integer(count),
    })
    this.start = placement.nextStart
    if (placement.chosen === null) {
      this.preempt(pod, placement)
      return
    }
    explain(placement)
    const nodeName = placement.chosen.name
    this.state.endNomination(uid)
    this.state.assume(pod, nodeName)
    this.queue.done(uid)
    const shown: Pod = { ...pod, spec: { ...pod.spec, nodeName } }
    this.state.setPod(shown)
    this.queue.notify(podAssigned(shown))
    this.placed++
  }

  private nominationOf(uid: string): { readonly nominatedNode?: string } {
    const nominatedNode = this.state.nominationOf(uid)
    return nominatedNode === undefined ? {} : { nominatedNode }
  }

  private preempt(pod: Pod, placement: Placement): void {
    const plan = planPreemption(placement, count => this.random.integer(count))
    explain(placement, plan.explanation)
    unschedulableMessage(placement, plan.explanation.message)
    this.queue.reject(pod.metadata.uid ?? '', rejectingPlugins(placement))
    if (!plan.chosen) return
    this.state.nominate(podInfo(pod), plan.chosen.node)
    for (const victim of plan.chosen.victims) {
      this.state.removePod(victim.uid)
      this.queue.notify(podFreed(victim.pod))
    }
  }
}

const fillersPerNode = 4
