// What would happen if: imagined pods, nodes, cordons, drains and budgets, played through on a copy of the state
// with the plugins that decide in earnest. Pure; a step a pod, so that others have their turns between.
// Kubernetes has no counterpart.

import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'
import { explain, type Explanation, unschedulableMessage } from '../explanation.js'
import { placePod, type Placement } from '../placement.js'
import type { QueuedPod } from '../plugin.js'
import { planPreemption } from '../preemption/preemption.js'
import { guards } from '../preemption/victims.js'
import type { Profile } from '../profile.js'
import type { ClusterState } from '../state/cluster-state.js'
import { podInfo, type PodInfo } from '../state/pod-info.js'
import { reckoned } from './budgets.js'
import { evictingTaint, fateOf, madeAnew } from './displaced.js'
import { QuestionError, type WhatIfQuestion } from './question.js'

export interface WhatIfInputs {
  readonly question: WhatIfQuestion
  /** Is not changed. */
  readonly state: ClusterState
  /** Pods that wait for a node now, but for gated ones. */
  readonly pending: readonly Pod[]
  /** Undefined for a pod that another scheduler looks after. */
  readonly profileOf: (pod: Pod) => Profile | undefined
  readonly queueSort: (a: QueuedPod, b: QueuedPod) => number
  readonly deadlineOf: (pod: Pod) => number
}

/** Why a pod looks for a node. */
export type Cause = 'hypothetical' | 'pending' | 'moved'

export interface Arrival {
  /** "namespace/name"; imagined ones of a kind are numbered. */
  readonly pod: string
  readonly cause: Cause
  /** Where it is now; null unless it moves. */
  readonly from: string | null
  readonly node: string
  /** Pods that would have to go for it. */
  readonly preempts: readonly string[]
  readonly explanation: Explanation
}

export interface Stranded {
  readonly pod: string
  readonly cause: Cause
  readonly from: string | null
  /** As its FailedScheduling event would say. */
  readonly message: string
  readonly explanation: Explanation
}

export interface Departure {
  readonly pod: string
  readonly node: string
  readonly reason: 'removed' | 'node-removed' | 'drained' | 'taint' | 'preempted'
  /** Whether it comes again elsewhere: see `arrivals` and `stranded`. */
  readonly fate: 'moves' | 'of-the-node' | 'lost'
  /** A drain waits for these budgets: "namespace/name". */
  readonly heldBy: readonly string[]
}

export interface WhatIfAnswer {
  readonly nodes: { readonly before: number; readonly after: number }
  readonly departures: readonly Departure[]
  readonly arrivals: readonly Arrival[]
  readonly stranded: readonly Stranded[]
}

interface Seeker extends QueuedPod {
  readonly info: PodInfo
  readonly cause: Cause
  readonly from: string | null
}

/** Yields between two pods. Throws QuestionError for what names something that there is not. */
export function* whatIf(inputs: WhatIfInputs): Generator<undefined, WhatIfAnswer> {
  const imagination = new Imagination(inputs)
  imagination.change()
  while (imagination.placeNext()) yield
  return imagination.answer
}

class Imagination {
  private readonly inputs: WhatIfInputs
  private readonly state: ClusterState
  private readonly budgets: Map<string, PodDisruptionBudget>
  private readonly seekers: Seeker[] = []
  private readonly departures: Departure[] = []
  private readonly arrivals: Arrival[] = []
  private readonly stranded: Stranded[] = []
  private unsorted = false
  private sequence = 0
  private searchFrom = 0

  constructor(inputs: WhatIfInputs) {
    const { state, question } = inputs
    this.inputs = inputs
    const { surroundings } = state
    const pods = state.nodes.flatMap(node => node.pods)
    const imagined = question.budgets.map(one => reckoned(one, pods))
    this.budgets = new Map(
      [...surroundings.budgets(), ...imagined].map(one => [budgetKey(one), one] as const),
    )
    this.state = state.fork({ ...surroundings, budgets: () => [...this.budgets.values()] })
  }

  get answer(): WhatIfAnswer {
    const { departures, arrivals, stranded } = this
    const nodes = { before: this.inputs.state.nodes.length, after: this.state.nodes.length }
    return { nodes, departures, arrivals, stranded }
  }

  change(): void {
    const { question, pending } = this.inputs
    const { nodes, pods, removePods } = question
    for (const node of nodes.add) this.addNode(node)
    for (const name of nodes.uncordon) this.cordon(name, false)
    for (const name of nodes.cordon) this.cordon(name, true)
    for (const key of removePods) this.removePod(key)
    for (const name of nodes.drain) {
      this.cordon(name, true)
      for (const pod of this.podsOf(name)) {
        if (fateOf(pod) !== 'of-the-node') this.leave(pod, name, 'drained')
      }
    }
    for (const name of nodes.remove) {
      for (const pod of this.podsOf(name)) this.leave(pod, name, 'node-removed')
      this.state.removeNode(name)
    }
    for (const pod of pending) this.seek(podInfo(pod), 'pending', null)
    for (const { pod, count } of pods) this.imagine(pod, count)
  }

  /** False: all have been looked at. */
  placeNext(): boolean {
    if (this.unsorted) this.seekers.sort(this.inputs.queueSort)
    this.unsorted = false
    const seeker = this.seekers.shift()
    if (seeker === undefined) return false
    const profile = this.inputs.profileOf(seeker.pod)
    if (profile) this.place(seeker, profile)
    return true
  }

  // Changes

  private podsOf(name: string): readonly PodInfo[] {
    const node = this.state.node(name)
    if (node === undefined) throw new QuestionError(`there is no node "${name}"`)
    return [...node.pods]
  }

  private addNode(node: Node): void {
    const name = node.metadata.name ?? ''
    this.state.setNode(node)
    for (const pod of this.podsOf(name)) {
      if (evictingTaint(pod, node.spec?.taints ?? [])) this.leave(pod, name, 'taint')
    }
  }

  private cordon(name: string, unschedulable: boolean): void {
    const known = this.state.node(name)
    if (known === undefined) throw new QuestionError(`there is no node "${name}"`)
    this.state.setNode({ ...known.node, spec: { ...known.node.spec, unschedulable } })
  }

  private removePod(key: string): void {
    for (const node of this.state.nodes) {
      const found = node.pods.find(pod => pod.key === key)
      if (found === undefined) continue
      this.leave(found, node.name, 'removed')
      return
    }
    throw new QuestionError(`no pod "${key}" has a node`)
  }

  private leave(pod: PodInfo, node: string, reason: Departure['reason']): void {
    const heldBy = reason === 'drained' ? this.holders(pod) : []
    this.state.removePod(pod.uid)
    this.spend(pod)
    const fate = reason === 'removed' ? 'of-the-node' : fateOf(pod)
    this.departures.push({
      pod: pod.key,
      node,
      reason,
      fate: fate === 'made-anew' ? 'moves' : fate,
      heldBy,
    })
    if (fate !== 'made-anew') return
    this.seek(podInfo(madeAnew(pod, `${pod.uid}/${this.sequence}`)), 'moved', node)
  }

  /** Budgets that do not let the pod go now. */
  private holders(pod: PodInfo): readonly string[] {
    return [...this.budgets]
      .filter(([, one]) => guards(one, pod) && (one.status?.disruptionsAllowed ?? 0) <= 0)
      .map(([key]) => key)
  }

  /** Who leaves is counted against the budgets, also below zero: they were held by it before. */
  private spend(pod: PodInfo): void {
    for (const [key, budget] of this.budgets) {
      if (!guards(budget, pod)) continue
      const disruptionsAllowed = (budget.status?.disruptionsAllowed ?? 0) - 1
      const status = { ...budget.status, disruptionsAllowed }
      this.budgets.set(key, { ...budget, status })
    }
  }

  private imagine(pod: Pod, count: number): void {
    const { name = '' } = pod.metadata
    for (let at = 1; at <= count; at++) {
      const own = count === 1 ? name : `${name}-${at}`
      const metadata = { ...pod.metadata, name: own, uid: `hypothetical/${this.sequence}` }
      this.seek(podInfo({ ...pod, metadata }), 'hypothetical', null)
    }
  }

  private seek(info: PodInfo, cause: Cause, from: string | null): void {
    const { pod, priority } = info
    const sequence = this.sequence++
    this.unsorted = true
    // Those that wait have waited; the others come together.
    const sinceMs = cause === 'pending' ? 0 : 1
    const deadlineMs = this.inputs.deadlineOf(pod)
    this.seekers.push({ info, pod, cause, from, priority, sinceMs, deadlineMs, sequence })
  }

  // Placing

  private place({ info, cause, from }: Seeker, profile: Profile): void {
    const placement = placePod({
      pod: info,
      snapshot: this.state,
      profile,
      start: this.searchFrom,
      pick: () => 0,
    })
    this.searchFrom = placement.nextStart
    if (placement.chosen !== null) {
      this.arrive({ info, cause, from }, placement.chosen.name, [], explain(placement))
      return
    }
    const plan = profile.preemption && planPreemption(placement, () => 0, profile.preemption)
    const explanation = explain(placement, plan?.explanation ?? null)
    if (plan?.chosen) {
      const { node, victims } = plan.chosen
      for (const victim of victims) this.leave(victim, node, 'preempted')
      const preempts = victims.map(({ key }) => key)
      this.arrive({ info, cause, from }, node, preempts, explanation)
      return
    }
    this.strand({ info, cause, from }, placement, plan?.explanation.message ?? '', explanation)
  }

  private arrive(
    { info, cause, from }: Pick<Seeker, 'info' | 'cause' | 'from'>,
    node: string,
    preempts: readonly string[],
    explanation: Explanation,
  ): void {
    this.state.endNomination(info.uid)
    this.state.assume(info.pod, node)
    this.arrivals.push({ pod: info.key, cause, from, node, preempts, explanation })
  }

  private strand(
    { info, cause, from }: Pick<Seeker, 'info' | 'cause' | 'from'>,
    placement: Placement,
    preemption: string,
    explanation: Explanation,
  ): void {
    const message = unschedulableMessage(placement, preemption)
    this.stranded.push({ pod: info.key, cause, from, message, explanation })
  }
}

function budgetKey({ metadata }: PodDisruptionBudget): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`
}
