// The scheduler's shell for one term of leadership: informers feed the queue and the state, each
// pod is placed synchronously, and binds go out many at a time behind it.
// Counterpart: pkg/scheduler/schedule_one.go. Left out: preemption, volumes, other profiles.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Counter, Gauge, Histogram } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import {
  labelSelectorFromMap,
  labelSelectorFromObject,
  type LabelSelector,
  matchesLabels,
} from '../api/selectors.js'
import type { ReplicaSet } from '../api/types/apps.js'
import type { Node } from '../api/types/core-node.js'
import type { Pod } from '../api/types/core-pod.js'
import type { Service } from '../api/types/core-service.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import { EventRecorder } from '../client/event-recorder.js'
import type { Informer } from '../client/informer.js'
import { byNamespace, namespaceIndex } from '../client/object-store.js'
import { keyOf, nodes, objectKey, pods, replicaSets, services } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { SharedInformers } from '../client/shared-informers.js'
import { formatTime } from '../client/timestamps.js'
import { ClusterState } from './cluster-state.js'
import type { FilterName } from './filters/filter.js'
import { podInfo } from './node-info.js'
import { type Placement, placePod, unschedulableMessage } from './placement.js'
import { nodeEvents } from './queueing-hints.js'
import { SchedulingQueue } from './scheduling-queue.js'

export interface SchedulerMetrics {
  /** Label: result ("scheduled", "unschedulable", "error"). */
  readonly attempts: Counter
  /** Label: queue. */
  readonly pending: Gauge
  readonly seconds: Histogram
}

export interface SchedulerContext {
  /** Over when the term is over. */
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: SchedulerMetrics
  readonly onFatal: (error: unknown) => void
  /** Pods that name another scheduler are left alone. */
  readonly schedulerName: string
}

/** Binds under way at a time. */
const bindsMax = 64
/** Pods placed in one turn of the event loop, so that informers and timers are not starved. */
const placementsPerTurn = 32
const explanationsMax = 1000

export class Scheduler {
  private readonly context: SchedulerContext
  private readonly informers: SharedInformers
  private readonly services: Informer<Service>
  private readonly replicaSets: Informer<ReplicaSet>
  private readonly state = new ClusterState()
  private readonly queue: SchedulingQueue
  private readonly recorder: EventRecorder
  private readonly explanations = new Map<string, Placement>()
  private binds = 0
  private turnDue = false
  private synced = false
  private stopped = false

  constructor(context: SchedulerContext) {
    const { client, clock, random, logger } = context
    this.context = context
    this.informers = new SharedInformers({ client, clock, random, logger })
    this.services = this.informers.of(services)
    this.replicaSets = this.informers.of(replicaSets)
    this.queue = new SchedulingQueue({ clock, onReady: () => this.wake() })
    const component = context.schedulerName
    this.recorder = new EventRecorder({ client, clock, random, logger, component })
    this.services.addIndex(namespaceIndex, byNamespace)
  }

  start(): void {
    this.informers.of(nodes).addHandlers({
      onAdd: node => this.nodeAdded(node),
      onUpdate: (node, old) => this.nodeUpdated(node, old),
      onDelete: node => {
        this.state.removeNode(node.metadata.name ?? '')
        this.queue.notify('node-removed')
      },
    })
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
    this.informers.stop()
  }

  /** Why the pod went where it did, or nowhere, at its last attempt; by "namespace/name". */
  explanationOf(key: string): Placement | null {
    return this.explanations.get(key) ?? null
  }

  // What the informers show

  private nodeAdded(node: Node): void {
    this.state.setNode(node)
    this.queue.notify('node-added')
  }

  private nodeUpdated(node: Node, old: Node): void {
    this.state.setNode(node)
    for (const event of nodeEvents(node, old)) this.queue.notify(event)
  }

  private podChanged(pod: Pod, old: Pod | null): void {
    const uid = pod.metadata.uid ?? ''
    if (isFinished(pod)) {
      this.podDeleted(pod)
      return
    }
    if (pod.spec.nodeName) {
      const known = old?.spec.nodeName === pod.spec.nodeName
      this.queue.remove(uid)
      this.state.setPod(pod)
      if (!known) this.queue.notify('pod-assigned')
      else if (labelsOrRequestsDiffer(pod, old)) this.queue.notify('pod-freed')
      return
    }
    if (!this.isOurs(pod)) {
      this.queue.remove(uid)
      return
    }
    if (this.state.isAssumed(uid)) return
    // Our own condition comes back as an update; only what the pod asks for can help it.
    this.queue.addOrUpdate(pod, old !== null && labelsOrRequestsDiffer(pod, old))
  }

  private podDeleted(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.queue.remove(uid)
    this.explanations.delete(objectKey(pod))
    if (!pod.spec.nodeName && !this.state.isAssumed(uid)) return
    this.state.removePod(uid)
    this.queue.notify('pod-freed')
  }

  private isOurs(pod: Pod): boolean {
    const name = pod.spec.schedulerName || 'default-scheduler'
    const gated = (pod.spec.schedulingGates ?? []).length > 0
    return name === this.context.schedulerName && !gated && !pod.metadata.deletionTimestamp
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
    for (let count = 0; count < placementsPerTurn; count++) {
      if (this.stopped || this.binds >= bindsMax) break
      const pod = this.queue.take()
      if (!pod) break
      this.place(pod)
    }
    const { active, backoff, unschedulable } = this.queue.lengths
    const { pending } = this.context.metrics
    pending.set(active, { queue: 'active' })
    pending.set(backoff, { queue: 'backoff' })
    pending.set(unschedulable, { queue: 'unschedulable' })
    if (active > 0 && this.binds < bindsMax) this.wake()
  }

  private place(pod: Pod): void {
    const { clock, random, metrics } = this.context
    const uid = pod.metadata.uid ?? ''
    const startedMs = clock.monotonicMs()
    const placement = placePod({
      pod: podInfo(pod),
      nodes: this.state.nodes(),
      kin: this.kinOf(pod),
      pick: count => random.integer(count),
    })
    metrics.seconds.observe((clock.monotonicMs() - startedMs) / 1000)
    this.explain(pod, placement)
    if (placement.chosen === null) {
      metrics.attempts.add(1, { result: 'unschedulable' })
      this.queue.reject(uid, rejectingFilters(placement))
      this.reported(this.reportUnschedulable(pod, unschedulableMessage(placement)))
      return
    }
    this.state.assume(pod, placement.chosen)
    this.binds++
    this.reported(this.bind(pod, placement.chosen))
  }

  private explain(pod: Pod, placement: Placement): void {
    const key = objectKey(pod)
    this.explanations.delete(key)
    this.explanations.set(key, placement)
    if (this.explanations.size <= explanationsMax) return
    const oldest = this.explanations.keys().next().value
    if (oldest !== undefined) this.explanations.delete(oldest)
  }

  /** Selectors of the pod's Services and of its ReplicaSet: what it should be spread from. */
  private kinOf(pod: Pod): readonly LabelSelector[] {
    const { namespace = '', labels, ownerReferences = [] } = pod.metadata
    const kin: LabelSelector[] = []
    for (const service of this.services.objects.byIndex(namespaceIndex, namespace)) {
      const map = service.spec?.selector ?? {}
      const selector = labelSelectorFromMap(map)
      if (selector.length > 0 && matchesLabels(selector, labels)) kin.push(selector)
    }
    const owner = ownerReferences.find(one => one.controller === true)
    if (owner?.kind === 'ReplicaSet') {
      const set = this.replicaSets.objects.get(keyOf(namespace, owner.name))
      const selector = labelSelectorFromObject(set?.spec.selector)
      if (selector && selector.length > 0) kin.push(selector)
    }
    return kin
  }

  // Writing

  private async bind(pod: Pod, nodeName: string): Promise<void> {
    const { client, metrics } = this.context
    const uid = pod.metadata.uid ?? ''
    try {
      await client.bindPod(pod, nodeName)
      this.queue.done(uid)
      metrics.attempts.add(1, { result: 'scheduled' })
      const text = `Successfully assigned ${objectKey(pod)} to ${nodeName}`
      this.recorder.record(pod, 'Normal', 'Scheduled', text)
    } catch (error) {
      metrics.attempts.add(1, { result: 'error' })
      await this.bindFailed(pod, error)
    } finally {
      this.binds--
      this.wake()
    }
  }

  private async bindFailed(pod: Pod, error: unknown): Promise<void> {
    const { logger } = this.context
    const uid = pod.metadata.uid ?? ''
    logger.warn({ pod: objectKey(pod), error: String(error) }, 'bind failed')
    if (this.stopped) return
    if (isNotFound(error)) {
      this.state.forget(uid)
      this.queue.remove(uid)
      return
    }
    // It may have been written all the same: while that is open the room stays taken.
    const open = error instanceof RaftsmanError && error.outcome === 'unknown'
    if ((open || isConflict(error)) && (await this.isBound(pod))) {
      this.queue.done(uid)
      return
    }
    this.state.forget(uid)
    this.queue.retry(uid)
  }

  private async isBound(pod: Pod): Promise<boolean> {
    const { namespace = '', name = '', uid } = pod.metadata
    try {
      const live = await this.context.client.get(pods, { namespace, name })
      return live.metadata.uid === uid && (live.spec.nodeName ?? '') !== ''
    } catch {
      return false
    }
  }

  private async reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const { client, clock } = this.context
    this.recorder.record(pod, 'Warning', 'FailedScheduling', message)
    const conditions = pod.status?.conditions ?? []
    const known = conditions.find(condition => condition.type === 'PodScheduled')
    if (known?.status === 'False' && known.message === message) return
    const since = known?.status === 'False' ? known.lastTransitionTime : undefined
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: since ?? formatTime(clock.wallMs()),
    }
    const others = conditions.filter(one => one.type !== 'PodScheduled')
    const status = { ...pod.status, conditions: [...others, condition] }
    await client.updateStatus(pods, { ...pod, status }).catch((error: unknown) => {
      if (!isConflict(error) && !isNotFound(error)) throw error
    })
  }

  private reported(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof InvariantViolation) this.context.onFatal(error)
      else this.context.logger.debug({ error: String(error) }, 'scheduling write failed')
    })
  }
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

function labelsOrRequestsDiffer(pod: Pod, old: Pod | null): boolean {
  const asked = (one: Pod | null) => [one?.metadata.labels, one?.spec]
  return JSON.stringify(asked(pod)) !== JSON.stringify(asked(old))
}

function rejectingFilters(placement: Placement): ReadonlySet<FilterName> {
  const names = new Set<FilterName>()
  for (const { rejection } of placement.nodes) if (rejection) names.add(rejection.filter)
  return names
}
