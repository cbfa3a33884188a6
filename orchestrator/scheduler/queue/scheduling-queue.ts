// Pods that wait for a node: ready to be tried, backing off, unschedulable until something changes
// that could help, or gated. Synchronous, on a Clock. Counterpart: pkg/scheduler/backend/queue.
//
//   add --> active --take--> in flight --done--> (placed)
//    |        ^                 | reject          unless an event that helps came meanwhile
//    v        |                 v
//  gated      +-- backoff <-- unschedulable
//             1 s doubling to 10 s   a hint, or five minutes

import type { Clock, Timer } from '../../../platform/clock.js'
import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import type { ClusterEvent } from '../core/cluster-event.js'
import { gangOf } from '../core/gang.js'
import type { PluginName, QueuedPod, QueueingHint, Rejection } from '../core/plugin.js'
import { podInfo } from '../core/state/pod-info.js'
import { Heap, type HeapMember } from './heap.js'

/** Whether an event can help a pod that the plugins have turned away. */
export type MayHelp = (
  event: ClusterEvent,
  pod: Pod,
  rejectedBy: ReadonlySet<PluginName>,
) => boolean

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** Called when a pod can be taken. */
  readonly onReady: () => void
  readonly queueSort: (a: QueuedPod, b: QueuedPod) => number
  readonly mayHelp: MayHelp
  /** Null for a pod that may be tried. */
  readonly preEnqueue?: (pod: Pod) => Rejection | null
  /** Wall time; infinite for a pod without one. */
  readonly deadlineOf?: (pod: Pod) => number
  readonly backoffFirstMs?: number
  readonly backoffMaxMs?: number
  /** A pod that no hint brought back is tried again after this long all the same. */
  readonly flushAfterMs?: number
}

type Where = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'in-flight'

interface Entry extends HeapMember, QueuedPod {
  pod: Pod
  readonly uid: string
  priority: number
  sinceMs: number
  deadlineMs: number
  readonly sequence: number
  where: Where
  attempts: number
  /** Monotonic times: of the last failed attempt, and when the back-off is over. */
  failedAtMs: number
  readyAtMs: number
  rejectedBy: ReadonlySet<PluginName>
  /** Number of the first event that came after it was taken. */
  eventsFrom: number
}

/** Events remembered for pods in flight; those who were taken before the oldest are simply tried again. */
const eventsMax = 10_000
/** How often the unschedulable are looked through for those who have waited long enough. */
const flushEveryMs = 30_000

export class SchedulingQueue {
  private readonly options: SchedulingQueueOptions
  private readonly entries = new Map<string, Entry>()
  private readonly active: Heap<Entry>
  private readonly backoff = new Heap<Entry>((a, b) => a.readyAtMs - b.readyAtMs)
  private readonly unschedulable = new Set<Entry>()
  private readonly inFlight = new Set<Entry>()
  private gatedCount = 0
  /** When the first pod of each gang came, and how many of them wait. */
  private readonly gangs = new Map<string, { readonly sinceMs: number; pods: number }>()
  private readonly events: ClusterEvent[] = []
  private firstEvent = 0
  private sequence = 0
  private backoffTimer: Timer | null = null
  private backoffTimerMs = 0
  private flushTimer: Timer | null = null

  constructor(options: SchedulingQueueOptions) {
    this.options = options
    this.active = new Heap<Entry>(options.queueSort)
  }

  get lengths(): Readonly<Record<Exclude<Where, 'in-flight'>, number>> {
    return {
      active: this.active.size,
      backoff: this.backoff.size,
      unschedulable: this.unschedulable.size,
      gated: this.gatedCount,
    }
  }

  /** A new pod, or a change of one that waits; `helps`: what was unschedulable may fit now. */
  addOrUpdate(pod: Pod, helps: boolean): void {
    const uid = pod.metadata.uid ?? ''
    const entry = this.entries.get(uid)
    const gated = this.options.preEnqueue?.(pod) ?? null
    if (!entry) {
      this.insert(pod, uid, gated !== null)
      return
    }
    entry.pod = pod
    entry.priority = pod.spec.priority ?? 0
    entry.deadlineMs = this.options.deadlineOf?.(pod) ?? Number.POSITIVE_INFINITY
    if (entry.where === 'active') this.active.moved(entry)
    else if (entry.where === 'gated' && gated === null) {
      this.gatedCount--
      this.activate(entry)
    } else if (entry.where === 'unschedulable' && helps) this.backOff(entry)
  }

  remove(uid: string): void {
    const entry = this.entries.get(uid)
    if (!entry) return
    this.entries.delete(uid)
    this.leave(entry)
    this.endInFlight(entry)
    const gang = gangOf(entry.pod)
    if (gang === null) return
    const known = this.gangs.get(gang)
    if (known && --known.pods === 0) this.gangs.delete(gang)
  }

  /** The pod of the active ones that goes first, and whose fate `done`, `reject` or `retry` decide. */
  take(): Pod | null {
    const entry = this.active.pop()
    if (!entry) return null
    entry.attempts++
    entry.where = 'in-flight'
    entry.eventsFrom = this.firstEvent + this.events.length
    this.inFlight.add(entry)
    return entry.pod
  }

  /** It has its node. */
  done(uid: string): void {
    this.remove(uid)
  }

  /** As it is known now, while it waits or is in flight. */
  podOf(uid: string): Pod | undefined {
    return this.entries.get(uid)?.pod
  }

  /** Until the pod may be tried again, at the earliest. */
  backoffMs(uid: string): number {
    const entry = this.entries.get(uid)
    if (!entry) return 0
    const readyAtMs = entry.failedAtMs + this.waitMs(entry)
    return Math.max(0, readyAtMs - this.options.clock.monotonicMs())
  }

  /** Pods that look for a node and are not being placed; without those that are gated. */
  waiting(): readonly Pod[] {
    return [...this.entries.values()]
      .filter(({ where }) => where !== 'gated' && where !== 'in-flight')
      .map(({ pod }) => pod)
  }

  /** No node passed; it waits for an event that could change that, unless one came meanwhile. */
  reject(uid: string, rejectedBy: ReadonlySet<PluginName>): void {
    const entry = this.entries.get(uid)
    if (entry?.where !== 'in-flight') return
    entry.failedAtMs = this.options.clock.monotonicMs()
    entry.rejectedBy = rejectedBy
    const helped = this.wasHelped(entry)
    this.endInFlight(entry)
    if (helped) {
      this.backOff(entry)
      return
    }
    entry.where = 'unschedulable'
    this.unschedulable.add(entry)
    this.flushTimer ??= this.options.clock.setTimer(flushEveryMs, () => this.flush())
  }

  /** The attempt failed for another reason, as a bind that was refused. */
  retry(uid: string): void {
    const entry = this.entries.get(uid)
    if (entry?.where !== 'in-flight') return
    entry.failedAtMs = this.options.clock.monotonicMs()
    this.endInFlight(entry)
    this.backOff(entry)
  }

  /** Something changed in the cluster. */
  notify(event: ClusterEvent): void {
    if (this.inFlight.size > 0) {
      this.events.push(event)
      if (this.events.length > eventsMax) {
        const dropped = this.events.splice(0, eventsMax / 2)
        this.firstEvent += dropped.length
      }
    }
    for (const entry of this.unschedulable) {
      if (this.options.mayHelp(event, entry.pod, entry.rejectedBy)) this.backOff(entry)
    }
  }

  /** Asks again whether those that are gated may be tried. */
  lookAtGated(): void {
    for (const entry of this.entries.values()) {
      if (entry.where === 'gated') this.addOrUpdate(entry.pod, false)
    }
  }

  /** Pods that were not found a node for and that `test` picks are tried again, after their back-off. */
  wake(test: (pod: Pod) => boolean): void {
    for (const entry of this.unschedulable) if (test(entry.pod)) this.backOff(entry)
  }

  stop(): void {
    this.backoffTimer?.cancel()
    this.flushTimer?.cancel()
    this.entries.clear()
    this.active.clear()
    this.backoff.clear()
    this.unschedulable.clear()
    this.inFlight.clear()
    this.gangs.clear()
    this.events.length = 0
    this.gatedCount = 0
  }

  private insert(pod: Pod, uid: string, gated: boolean): void {
    const nowMs = this.options.clock.monotonicMs()
    const gang = gangOf(pod)
    const entry: Entry = {
      pod,
      uid,
      priority: pod.spec.priority ?? 0,
      sinceMs: gang === null ? nowMs : this.joinGang(gang, nowMs),
      deadlineMs: this.options.deadlineOf?.(pod) ?? Number.POSITIVE_INFINITY,
      sequence: this.sequence++,
      where: 'gated',
      attempts: 0,
      failedAtMs: 0,
      readyAtMs: 0,
      rejectedBy: new Set(),
      eventsFrom: 0,
      heapAt: -1,
    }
    this.entries.set(uid, entry)
    if (gated) this.gatedCount++
    else this.activate(entry)
  }

  private joinGang(gang: string, nowMs: number): number {
    const known = this.gangs.get(gang) ?? { sinceMs: nowMs, pods: 0 }
    known.pods++
    this.gangs.set(gang, known)
    return known.sinceMs
  }

  private leave(entry: Entry): void {
    if (entry.where === 'active') this.active.remove(entry)
    else if (entry.where === 'backoff') this.backoff.remove(entry)
    else if (entry.where === 'unschedulable') this.unschedulable.delete(entry)
    else if (entry.where === 'gated') this.gatedCount--
  }

  private wasHelped(entry: Entry): boolean {
    if (entry.eventsFrom < this.firstEvent) return true
    for (let at = entry.eventsFrom - this.firstEvent; at < this.events.length; at++) {
      const event = this.events[at]
      if (event && this.options.mayHelp(event, entry.pod, entry.rejectedBy)) return true
    }
    return false
  }

  private endInFlight(entry: Entry): void {
    if (!this.inFlight.delete(entry) || this.inFlight.size > 0) return
    this.firstEvent += this.events.length
    this.events.length = 0
  }

  private backOff(entry: Entry): void {
    this.unschedulable.delete(entry)
    const { clock } = this.options
    entry.readyAtMs = entry.failedAtMs + this.waitMs(entry)
    if (entry.readyAtMs <= clock.monotonicMs()) {
      this.activate(entry)
      return
    }
    entry.where = 'backoff'
    this.backoff.push(entry)
    this.armBackoff()
  }

  private waitMs({ attempts }: Entry): number {
    const { backoffFirstMs = 1000, backoffMaxMs = 10_000 } = this.options
    return Math.min(backoffFirstMs * 2 ** (attempts - 1), backoffMaxMs)
  }

  private armBackoff(): void {
    const first = this.backoff.peek()
    if (!first) return
    if (this.backoffTimer !== null) {
      if (this.backoffTimerMs <= first.readyAtMs) return
      this.backoffTimer.cancel()
    }
    const { clock } = this.options
    this.backoffTimerMs = first.readyAtMs
    this.backoffTimer = clock.setTimer(first.readyAtMs - clock.monotonicMs(), () => {
      this.backoffTimer = null
      const nowMs = clock.monotonicMs()
      for (let next = this.backoff.peek(); next && next.readyAtMs <= nowMs; ) {
        this.backoff.remove(next)
        this.activate(next)
        next = this.backoff.peek()
      }
      this.armBackoff()
    })
  }

  private flush(): void {
    this.flushTimer = null
    const { clock, flushAfterMs = 300_000 } = this.options
    const beforeMs = clock.monotonicMs() - flushAfterMs
    for (const entry of this.unschedulable) if (entry.failedAtMs <= beforeMs) this.backOff(entry)
    if (this.unschedulable.size > 0) {
      this.flushTimer = clock.setTimer(flushEveryMs, () => this.flush())
    }
  }

  private activate(entry: Entry): void {
    entry.where = 'active'
    this.active.push(entry)
    this.options.onReady()
  }
}

/** By the hints of the plugins of the pod's profile. A pod that met no node at all waits for any. */
export function hintsOf(
  pluginsOf: (pod: Pod) => ReadonlyMap<PluginName, { readonly hints?: Hints }> | undefined,
): MayHelp {
  return (event, pod, rejectedBy) => {
    if (rejectedBy.size === 0) return event.kind === 'node-added'
    if (event.kind === 'pod-freed' && event.backed) {
      const gang = gangOf(pod)
      if (gang !== null && gang === gangOf(event.pod.pod)) return false
    }
    const plugins = pluginsOf(pod)
    for (const name of rejectedBy) {
      const hints = plugins?.get(name)?.hints
      // Who gives no hints may be helped by anything.
      if (!hints || hints[event.kind]?.(event, podInfo(pod))) return true
    }
    return false
  }
}

type Hints = Partial<Record<ClusterEvent['kind'], QueueingHint>>

/** The instant a pod asks to have a node by; infinite where it does not, or says no instant. */
export function deadlineOf(pod: Pod): number {
  const text = pod.metadata.annotations?.[deadlineAnnotation]
  return (text === undefined ? null : parseTimeMs(text)) ?? Number.POSITIVE_INFINITY
}

const deadlineAnnotation = 'raftsman.dev/deadline'
