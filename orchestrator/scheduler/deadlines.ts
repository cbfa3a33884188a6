// Says, once each, that a pod cannot have a node by its deadline, and that it has none at its deadline.
// Counterpart: none.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Pod } from '../api/types/core-pod.js'
import type { EventRecorder } from '../client/event-recorder.js'
import { formatTime } from '../client/timestamps.js'
import { deadlineOf } from './queue/scheduling-queue.js'

interface Watched {
  pod: Pod
  readonly deadlineMs: number
  readonly timer: Timer | null
  warned: boolean
}

export class Deadlines {
  private readonly clock: Clock
  private readonly recorder: Pick<EventRecorder, 'record'>
  private readonly watched = new Map<string, Watched>()

  constructor(clock: Clock, recorder: Pick<EventRecorder, 'record'>) {
    this.clock = clock
    this.recorder = recorder
  }

  /** A pod without a node; nothing is done for one without a deadline. */
  watch(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const deadlineMs = deadlineOf(pod)
    const known = this.watched.get(uid)
    if (known?.deadlineMs === deadlineMs) {
      known.pod = pod
      return
    }
    this.end(uid)
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    const leftMs = Math.max(0, deadlineMs - this.clock.wallMs())
    const timer = this.clock.setTimer(leftMs, () => this.missed(uid))
    this.watched.set(uid, { pod, deadlineMs, timer, warned: false })
  }

  /** It was found no node, and is tried again after `retryMs` at the earliest. */
  failed(uid: string, retryMs: number): void {
    const known = this.watched.get(uid)
    if (!known || known.warned || this.clock.wallMs() + retryMs <= known.deadlineMs) return
    known.warned = true
    const text = `no node now, and no other attempt before ${formatTime(known.deadlineMs)}`
    this.recorder.record(known.pod, 'Warning', 'DeadlineCannotBeMet', text)
  }

  /** It has a node, or wants none any more. */
  end(uid: string): void {
    this.watched.get(uid)?.timer?.cancel()
    this.watched.delete(uid)
  }

  stop(): void {
    for (const { timer } of this.watched.values()) timer?.cancel()
    this.watched.clear()
  }

  private missed(uid: string): void {
    const known = this.watched.get(uid)
    if (!known) return
    // Remembered without its timer, so that it is said once.
    this.watched.set(uid, { ...known, timer: null, warned: true })
    const text = `has no node at its deadline ${formatTime(known.deadlineMs)}`
    this.recorder.record(known.pod, 'Warning', 'DeadlineMissed', text)
  }
}
