// The scheduler's shell for one term of leadership: informers feed the queue and the state, each
// pod is placed synchronously, and binds go out many at a time behind it.
// Counterpart: pkg/scheduler/scheduler.go, eventhandlers.go and schedule_one.go.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { resultInTurns, turnMs } from '../../platform/turns.js'
import { sameJson } from '../api/equality.js'
import type { Node } from '../api/types/core-node.js'
import type { Pod } from '../api/types/core-pod.js'
import { EventRecorder } from '../client/event-recorder.js'
import { namespaces, nodes, objectKey, pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { SharedInformers } from '../client/shared-informers.js'
import { BindingCycle, type BindingEnd } from './binding-cycle.js'
import { nodeAdded, nodeEvents, nodeRemoved, podAssigned, podFreed } from './core/cluster-event.js'
import type { ClusterEvent } from './core/cluster-event.js'
import { explain, rejectingPlugins, unschedulableMessage } from './core/explanation.js'
import type { Explanation } from './core/explanation.js'
import { type Placement, placePod } from './core/placement.js'
import { gangOf } from './core/gang.js'
import type { PluginName, QueuedPod, Rejection } from './core/plugin.js'
import { planPreemption, type PreemptionPlan } from './core/preemption/preemption.js'
import type { Profile } from './core/profile.js'
import type { SchedulerConfiguration } from './core/config/configuration.js'
import { ClusterState } from './core/state/cluster-state.js'
import { podInfo, type PodInfo } from './core/state/pod-info.js'
import type { WhatIfQuestion } from './core/what-if/question.js'
import { whatIf, type WhatIfAnswer } from './core/what-if/what-if.js'
import { Deadlines } from './deadlines.js'
import { Explanations } from './explanations.js'
import { PodGroups } from './pod-groups.js'
import { PodReports } from './pod-reports.js'
import { deadlineOf, hintsOf, SchedulingQueue } from './queue/scheduling-queue.js'
import type { SchedulerMetrics } from './scheduler-metrics.js'
import { CoschedulingStage } from './stages/coscheduling.js'
import type { PlacedPod, Stage } from './stages/stage.js'
import { PromisedVolumes, VolumeBindingStage } from './stages/volume-binding.js'
import { surroundingsOf, volumeKinds } from './surroundings.js'

export interface SchedulerContext {
  /** Over when the term is over. */
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: SchedulerMetrics
  readonly onFatal: (error: unknown) => void
  /** Pods that name none of its profiles are left alone. */
  readonly configuration: SchedulerConfiguration
}

/** Pods placed in one turn of the event loop, so that informers and timers are not starved. */
const placementsPerTurn = 32

export class Scheduler {
  private readonly context: SchedulerContext
  private readonly profiles: ReadonlyMap<string, Profile>
  private readonly informers: SharedInformers
  private readonly state: ClusterState
  private readonly queue: SchedulingQueue
  private readonly binding: BindingCycle
  private readonly reports: PodReports
  private readonly explanations = new Explanations()
  private readonly podGroups: PodGroups
  private readonly volumeBinding: VolumeBindingStage
  private readonly coscheduling: CoschedulingStage
  private readonly deadlines: Deadlines
  private readonly stages: readonly Stage[]
  /** Where the search for nodes goes on. */
  private searchFrom = 0
  private readonly queueSort: (a: QueuedPod, b: QueuedPod) => number
  private imagining = false
  private turnDue = false
  private synced = false
  private stopped = false

  constructor(context: SchedulerContext) {
    const { client, clock, random, logger, onFatal, configuration } = context
    const { profiles } = configuration
    const [first] = profiles
    this.context = context
    this.profiles = new Map(profiles.map(one => [one.schedulerName, one] as const))
    this.informers = new SharedInformers({ client, clock, random, logger })
    const promised = new PromisedVolumes()
    this.podGroups = new PodGroups({
      client,
      clock,
      logger,
      onRead: group => {
        this.queue.lookAtGated()
        this.queue.notify({ kind: 'gang', group })
      },
    })
    const surroundings = surroundingsOf(
      this.informers,
      name => promised.claimOf(name),
      pod => this.podGroups.termsOf(pod),
    )
    this.state = new ClusterState(surroundings)
    this.volumeBinding = new VolumeBindingStage({
      client,
      clock,
      volumes: surroundings.volumes,
      promised,
      nodeOf: name => this.state.node(name)?.node,
      timeoutMs: configuration.volumeBindTimeoutMs,
    })
    const sorter = [...(first?.plugins.values() ?? [])].find(({ queueSort }) => queueSort)
    this.queueSort = sorter?.queueSort ?? ((a, b) => a.sequence - b.sequence)
    this.queue = new SchedulingQueue({
      clock,
      onReady: () => this.wake(),
      queueSort: this.queueSort,
      mayHelp: hintsOf(pod => this.profileOf(pod)?.plugins),
      preEnqueue: pod => this.gate(pod),
      deadlineOf,
      backoffFirstMs: configuration.backoffFirstMs,
      backoffMaxMs: configuration.backoffMaxMs,
    })
    const component = first?.schedulerName ?? 'default-scheduler'
    const recorder = new EventRecorder({ client, clock, random, logger, component })
    this.reports = new PodReports({ client, clock, recorder })
    this.deadlines = new Deadlines(clock, recorder)
    this.binding = new BindingCycle({
      client,
      clock,
      logger,
      onFatal,
      onEnd: (placed, end) => this.ended(placed, end),
    })
    this.coscheduling = new CoschedulingStage({
      waiting: this.binding.waiting,
      snapshot: this.state,
    })
    this.stages = [this.volumeBinding, this.coscheduling]
  }

  start(): void {
    this.informers.of(nodes).addHandlers({
      onAdd: node => {
        this.state.setNode(node)
        this.queue.notify(nodeAdded(node))
      },
      onUpdate: (node, old) => this.nodeUpdated(node, old),
      onDelete: node => {
        this.state.removeNode(node.metadata.name ?? '')
        this.queue.notify(nodeRemoved(node))
      },
    })
    this.informers.of(namespaces).addHandlers({
      onUpdate: (namespace, old) => {
        if (sameJson(namespace.metadata.labels, old.metadata.labels)) return
        this.state.namespacesChanged()
        this.queue.wake(pod => selectsNamespaces(podInfo(pod)))
      },
    })
    for (const resource of volumeKinds) {
      const changed = () => this.volumesChanged()
      this.informers
        .of(resource)
        .addHandlers({ onAdd: changed, onUpdate: changed, onDelete: changed })
    }
    this.informers.of(pods).addHandlers({
      onAdd: pod => this.podChanged(pod, null),
      onUpdate: (pod, old) => this.podChanged(pod, old),
      onDelete: pod => this.podDeleted(pod),
    })
    this.informers.start()
    void this.informers.whenSynced().then(() => {
      this.synced = true
      this.wake()
    })
  }

  stop(): void {
    this.stopped = true
    this.queue.stop()
    this.binding.stop()
    this.volumeBinding.stop()
    this.deadlines.stop()
    this.informers.stop()
  }

  /** Why the pod went where it did, or nowhere, at its last attempt; by "namespace/name". */
  explanationOf(key: string): Explanation | null {
    return this.explanations.of(key)
  }

  /**
   * Plays a question through on a copy of the state; one at a time, a second one is refused. Throws QuestionError
   * and RaftsmanError.
   */
  async whatIf(question: WhatIfQuestion): Promise<WhatIfAnswer> {
    if (this.imagining) {
      throw new RaftsmanError('another question is being played through', {
        code: 'what-if-busy',
        retryable: true,
        outcome: 'not-applied',
      })
    }
    this.imagining = true
    try {
      await this.informers.whenSynced()
      const steps = whatIf({
        question,
        state: this.state,
        pending: this.queue.waiting(),
        profileOf: pod => this.profileOf(pod),
        queueSort: this.queueSort,
        deadlineOf,
      })
      return await resultInTurns(steps, this.context.clock)
    } finally {
      this.imagining = false
    }
  }

  // What the informers show

  private nodeUpdated(node: Node, old: Node): void {
    this.state.setNode(node)
    for (const event of nodeEvents(node, old)) this.queue.notify(event)
  }

  private volumesChanged(): void {
    this.queue.notify({ kind: 'volumes' })
    this.volumeBinding.check()
  }

  private podChanged(pod: Pod, old: Pod | null): void {
    const uid = pod.metadata.uid ?? ''
    if (isFinished(pod)) {
      this.podDeleted(pod)
      return
    }
    if (pod.spec.nodeName) {
      this.queue.remove(uid)
      this.deadlines.end(uid)
      this.state.endNomination(uid)
      this.state.setPod(pod)
      const event = assignedEvent(pod, old)
      if (event) this.queue.notify(event)
      return
    }
    if (!this.profileOf(pod) || pod.metadata.deletionTimestamp) {
      this.podLeaves(pod)
      return
    }
    if (!this.state.isAssumed(uid)) this.follow(pod, old)
    this.deadlines.watch(pod)
    const gang = old === null ? gangOf(pod) : null
    // Our own condition comes back as an update; only what the pod asks for can help it.
    this.queue.addOrUpdate(pod, old !== null && !sameAsked(pod, old))
    if (gang !== null) this.queue.notify({ kind: 'gang', group: gang })
  }

  /** Keeps to the node that is written in the pod's status, as after a change of leaders. */
  private follow(pod: Pod, old: Pod | null): void {
    const uid = pod.metadata.uid ?? ''
    const nominated = pod.status?.nominatedNodeName ?? ''
    if (nominated !== '') this.state.nominate(podInfo(pod), nominated)
    else if ((old?.status?.nominatedNodeName ?? '') !== '') this.state.endNomination(uid)
  }

  private podDeleted(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.explanations.forget(objectKey(pod))
    const held = Boolean(pod.spec.nodeName) || this.state.isAssumed(uid)
    this.podLeaves(pod)
    if (!held) return
    this.state.removePod(uid)
    this.queue.notify(podFreed(pod))
  }

  /** Nobody looks for a node for it any more. */
  private podLeaves(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.binding.waiting.reject(uid, 'DefaultBinder', 'the pod is going away')
    this.volumeBinding.abandon(uid)
    this.queue.remove(uid)
    this.deadlines.end(uid)
    if (this.state.nominationOf(uid) === undefined) return
    this.state.endNomination(uid)
    // The room that was kept for it is free.
    this.queue.notify(podFreed(pod))
  }

  private profileOf(pod: Pod): Profile | undefined {
    return this.profiles.get(pod.spec.schedulerName || 'default-scheduler')
  }

  private gate(pod: Pod) {
    for (const { preEnqueue } of this.profileOf(pod)?.plugins.values() ?? []) {
      const rejection = preEnqueue?.(pod) ?? null
      if (rejection) return rejection
    }
    return gangOf(pod) === null || this.podGroups.termsOf(pod) ? null : groupUnknown
  }

  // Placing

  private wake(): void {
    if (!this.synced || this.stopped || this.turnDue) return
    this.turnDue = true
    this.context.clock.defer(() => {
      this.turnDue = false
      try {
        this.turn()
      } catch (error) {
        this.context.onFatal(error)
      }
    })
  }

  private turn(): void {
    const { clock } = this.context
    const startedMs = clock.monotonicMs()
    for (let count = 0; count < placementsPerTurn; count++) {
      if (this.stopped || !this.binding.hasRoom) break
      if (clock.monotonicMs() - startedMs > turnMs) break
      const pod = this.queue.take()
      if (!pod) break
      this.place(pod)
    }
    const { lengths } = this.queue
    const { pending } = this.context.metrics
    for (const [queue, length] of Object.entries(lengths)) pending.set(length, { queue })
    if (lengths.active > 0 && this.binding.hasRoom) this.wake()
  }

  private place(pod: Pod): void {
    const { clock, random, metrics } = this.context
    const info = podInfo(pod)
    const profile = this.profileOf(pod)
    if (!profile) {
      this.queue.remove(info.uid)
      return
    }
    const startedMs = clock.monotonicMs()
    const nominated = this.state.nominationOf(info.uid)
    const placement = placePod({
      pod: info,
      snapshot: this.state,
      profile,
      start: this.searchFrom,
      pick: count => random.integer(count),
      ...(nominated === undefined ? {} : { nominatedNode: nominated }),
    })
    this.searchFrom = placement.nextStart
    if (placement.chosen === null) {
      this.noNode(pod, placement, profile)
    } else {
      this.explanations.set(info.key, explain(placement))
      this.state.endNomination(info.uid)
      this.state.assume(pod, placement.chosen.name)
      const stages = this.stages.filter(({ name }) => profile.plugins.has(name))
      this.binding.begin({ pod, info, nodeName: placement.chosen.name }, stages)
    }
    metrics.seconds.observe((clock.monotonicMs() - startedMs) / 1000)
  }

  private noNode(pod: Pod, placement: Placement, profile: Profile): void {
    const { metrics, random } = this.context
    const { uid, key } = placement.question.pod
    metrics.attempts.add(1, { result: 'unschedulable' })
    const plan =
      profile.preemption &&
      planPreemption(placement, count => random.integer(count), profile.preemption)
    this.explanations.set(key, explain(placement, plan?.explanation ?? null))
    const nominated = this.nominate(pod, plan)
    const message = unschedulableMessage(placement, plan?.explanation.message ?? '')
    this.queue.reject(uid, rejectingPlugins(placement))
    this.deadlines.failed(uid, this.queue.backoffMs(uid))
    if (plan?.chosen) this.preempt(pod, plan)
    else this.coscheduling.giveUp(placement.question.pod, 'there is no node for one of its pods')
    this.reported(this.reports.failed(pod, 'Unschedulable', message, nominated))
  }

  /** What the status is to say of its node: see PodReports.failed. */
  private nominate(pod: Pod, plan: PreemptionPlan | null): string | null {
    if (plan === null || plan.waits) return null
    if (plan.chosen) {
      this.state.nominate(podInfo(pod), plan.chosen.node)
      return plan.chosen.node
    }
    this.state.endNomination(pod.metadata.uid ?? '')
    return ''
  }

  private preempt(pod: Pod, { chosen, superseded }: PreemptionPlan): void {
    if (!chosen) return
    this.context.metrics.victims.add(chosen.victims.length)
    for (const other of superseded) {
      this.state.endNomination(other.uid)
      this.queue.wake(one => one.metadata.uid === other.uid)
      this.reported(this.reports.endNomination(this.queue.podOf(other.uid) ?? other.pod))
    }
    for (const { uid, pod: victim } of chosen.victims) {
      // One that has not even been bound only has to look again.
      if (this.binding.waiting.reject(uid, 'DefaultPreemption', 'preempted')) continue
      this.reported(this.reports.remove(victim, pod, chosen.node))
    }
  }

  private ended(placed: PlacedPod, end: BindingEnd): void {
    if (this.stopped) return
    const { metrics } = this.context
    const { uid } = placed.info
    const result = { bound: 'scheduled', rejected: 'unschedulable', failed: 'error', gone: 'error' }
    metrics.attempts.add(1, { result: result[end.kind] })
    if (end.kind === 'bound') {
      this.queue.done(uid)
      this.reports.scheduled(placed)
    } else {
      this.unplaced(placed, end)
    }
    this.wake()
  }

  private unplaced(placed: PlacedPod, end: Exclude<BindingEnd, { readonly kind: 'bound' }>): void {
    const { uid } = placed.info
    const held = this.state.isAssumed(uid)
    this.state.forget(uid)
    // As it is now, which may be more than what was placed.
    const pod = this.queue.podOf(uid)
    // Gone, or bound by somebody else meanwhile.
    if (!pod || end.kind === 'gone') this.queue.remove(uid)
    else if (end.kind === 'rejected') {
      this.queue.reject(uid, new Set<PluginName>([end.by]))
      this.reported(this.reports.failed(pod, 'Unschedulable', end.message, null))
    } else {
      this.queue.retry(uid)
      const message = `binding rejected: ${String(end.error)}`
      this.reported(this.reports.failed(pod, 'SchedulerError', message, null))
    }
    // The room that it held is free for others.
    if (held) this.queue.notify(podFreed(placed.pod, true))
  }

  private reported(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof InvariantViolation) this.context.onFatal(error)
      else this.context.logger.debug({ error: String(error) }, 'scheduling write failed')
    })
  }
}

const groupUnknown: Rejection = {
  plugin: 'Coscheduling',
  reasons: ['waiting for what its PodGroup says'],
  helpedByPreemption: false,
}

const selectsNamespaces = ({ affinity, antiAffinity }: PodInfo) =>
  [...affinity.required, ...antiAffinity.required].some(
    ({ namespaceSelector }) => namespaceSelector !== null,
  )

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

function sameAsked(pod: Pod, old: Pod): boolean {
  const asked = (one: Pod) => [one.metadata.labels, one.metadata.annotations, one.spec]
  return sameJson(asked(pod), asked(old))
}

function assignedEvent(pod: Pod, old: Pod | null): ClusterEvent | null {
  if (!old || old.spec.nodeName !== pod.spec.nodeName) return podAssigned(pod)
  if (sameAsked(pod, old) && pod.metadata.deletionTimestamp === old.metadata.deletionTimestamp) {
    return null
  }
  return { kind: 'pod-changed', pod: podInfo(pod), old: podInfo(old) }
}
