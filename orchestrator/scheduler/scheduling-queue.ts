// Pods that wait for a node: ready to be tried, backing off, or unschedulable until something
// changes that could help. Synchronous, on a Clock. Counterpart: pkg/scheduler/backend/queue.
//
//   add --> active --take--> (placed)
//             ^   \--reject--> unschedulable --hint or flush--> backoff (1 s doubling to 10 s)
//             +------------------------------ when it has run out --------+

import type { Clock, Timer } from '../../platform/clock.js'
import type { Pod } from '../api/types/core-pod.js'
import { parseTimeMs } from '../client/timestamps.js'
import type { FilterName } from './filters/filter.js'
import { type ClusterEvent, mayHelp } from './queueing-hints.js'

interface Entry {
  pod: Pod
  readonly uid: string
  readonly addedAtMs: number
  attempts: number
  /** Monotonic time of the last failed attempt. */
  failedAtMs: number
  rejectedBy: ReadonlySet<FilterName>
}

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** Called when a pod can be taken. */
  readonly onReady: () => void
  readonly backoffFirstMs?: number
  readonly backoffMaxMs?: number
  /** A pod that no hint brought back is tried again after this long all the same. */
  readonly flushAfterMs?: number
}

export class SchedulingQueue {
  private readonly options: SchedulingQueueOptions
  private readonly active = new Map<string, Entry>()
  private readonly backoff = new Map<string, { readonly entry: Entry; readonly timer: Timer }>()
  private readonly unschedulable = new Map<
    string,
    { readonly entry: Entry; readonly timer: Timer }
  >()
  /** Taken, with the attempts made so far; decided by `done` or `reject`. */
  private readonly taken = new Map<string, Entry>()

  constructor(options: SchedulingQueueOptions) {
    this.options = options
  }

  get lengths(): {
    readonly active: number
    readonly backoff: number
    readonly unschedulable: number
  } {
    const { active, backoff, unschedulable } = this
    return { active: active.size, backoff: backoff.size, unschedulable: unschedulable.size }
  }

  /** A new pod, or a change of one that waits: what was unschedulable may fit now. */
  addOrUpdate(pod: Pod, changed: boolean): void {
    const uid = pod.metadata.uid ?? ''
    const waiting =
      this.active.get(uid) ??
      this.taken.get(uid) ??
      this.backoff.get(uid)?.entry ??
      this.unschedulable.get(uid)?.entry
    if (!waiting) {
      const addedAtMs = this.options.clock.monotonicMs()
      const rejectedBy = new Set<FilterName>()
      this.activate({ pod, uid, addedAtMs, attempts: 0, failedAtMs: 0, rejectedBy })
      return
    }
    waiting.pod = pod
    if (changed && this.unschedulable.has(uid)) this.backOff(waiting)
  }

  remove(uid: string): void {
    this.active.delete(uid)
    this.taken.delete(uid)
    this.backoff.get(uid)?.timer.cancel()
    this.backoff.delete(uid)
    this.unschedulable.get(uid)?.timer.cancel()
    this.unschedulable.delete(uid)
  }

  /** The pod of the highest priority, then the one that has waited longest. */
  take(): Pod | null {
    let first: Entry | null = null
    for (const entry of this.active.values()) {
      if (!first || before(entry, first)) first = entry
    }
    if (!first) return null
    this.active.delete(first.uid)
    first.attempts++
    this.taken.set(first.uid, first)
    return first.pod
  }

  /** It has its node. */
  done(uid: string): void {
    this.taken.delete(uid)
  }

  /** No node passed; it waits for an event that could change that. */
  reject(uid: string, rejectedBy: ReadonlySet<FilterName>): void {
    const entry = this.taken.get(uid)
    if (!entry) return
    this.taken.delete(uid)
    entry.failedAtMs = this.options.clock.monotonicMs()
    entry.rejectedBy = rejectedBy
    const flush = () => this.backOff(entry)
    const timer = this.options.clock.setTimer(this.options.flushAfterMs ?? 300_000, flush)
    this.unschedulable.set(uid, { entry, timer })
  }

  /** The attempt failed for another reason, as a bind that was refused. */
  retry(uid: string): void {
    const entry = this.taken.get(uid)
    if (!entry) return
    this.taken.delete(uid)
    entry.failedAtMs = this.options.clock.monotonicMs()
    this.backOff(entry)
  }

  /** Something changed in the cluster. */
  notify(event: ClusterEvent): void {
    for (const { entry } of this.unschedulable.values()) {
      if (mayHelp(event, entry.rejectedBy)) this.backOff(entry)
    }
  }

  stop(): void {
    for (const { timer } of this.backoff.values()) timer.cancel()
    for (const { timer } of this.unschedulable.values()) timer.cancel()
    this.active.clear()
    this.taken.clear()
    this.backoff.clear()
    this.unschedulable.clear()
  }

  private backOff(entry: Entry): void {
    const { uid } = entry
    this.unschedulable.get(uid)?.timer.cancel()
    this.unschedulable.delete(uid)
    const { clock, backoffFirstMs = 1000, backoffMaxMs = 10_000 } = this.options
    const waitMs = Math.min(backoffFirstMs * 2 ** (entry.attempts - 1), backoffMaxMs)
    const leftMs = entry.failedAtMs + waitMs - clock.monotonicMs()
    if (leftMs <= 0) {
      this.activate(entry)
      return
    }
    const timer = clock.setTimer(leftMs, () => {
      this.backoff.delete(uid)
      this.activate(entry)
    })
    this.backoff.set(uid, { entry, timer })
  }

  private activate(entry: Entry): void {
    this.active.set(entry.uid, entry)
    this.options.onReady()
  }
}

function before(a: Entry, b: Entry): boolean {
  const difference = (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0)
  if (difference !== 0) return difference < 0
  if (a.addedAtMs !== b.addedAtMs) return a.addedAtMs < b.addedAtMs
  const createdMs = ({ pod }: Entry) => parseTimeMs(pod.metadata.creationTimestamp) ?? 0
  return createdMs(a) < createdMs(b)
}
