// Keys that wait for a worker, each at most once and never with two workers at a time.
// Counterpart: client-go's workqueue with its rate limiter. Bounded by the number of different
// keys, which informers bound. A key that is added while a worker has it runs once more after.

import type { Clock, Timer } from '../../platform/clock.js'
import { assert } from '../../platform/errors.js'

export interface WorkQueueOptions {
  readonly clock: Clock
  /** Back-off of one key after its first failure; doubles with each further one. */
  readonly retryFirstMs?: number
  readonly retryMaxMs?: number
  readonly observer?: WorkQueueObserver
}

/** Told what happens to keys, for metrics. */
export interface WorkQueueObserver {
  /** A key that was not waiting does. */
  added(): void
  /** A worker has it now. */
  taken(waitedMs: number): void
  retried(): void
  /** Keys that wait; told after each change. */
  length(keys: number): void
}

const sleepMaxMs = 24 * 3600 * 1000

interface Delayed {
  readonly atMs: number
  readonly timer: Timer
}

export class WorkQueue {
  private readonly clock: Clock
  private readonly retryFirstMs: number
  private readonly retryMaxMs: number
  private readonly observer: WorkQueueObserver | undefined
  /** With the monotonic time since when. */
  private readonly waiting = new Map<string, number>()
  private readonly processing = new Set<string>()
  private readonly dirty = new Set<string>()
  private readonly failures = new Map<string, number>()
  private readonly delayed = new Map<string, Delayed>()
  private stopped = false
  /** Called when a key can be taken; set by the workers. */
  onReady: (() => void) | null = null

  constructor(options: WorkQueueOptions) {
    this.clock = options.clock
    this.observer = options.observer
    this.retryFirstMs = options.retryFirstMs ?? 5
    this.retryMaxMs = options.retryMaxMs ?? 60_000
  }

  /** Keys that wait, not counting those that are processed or delayed. */
  get length(): number {
    return this.waiting.size
  }

  get idle(): boolean {
    return this.waiting.size === 0 && this.processing.size === 0
  }

  add(key: string): void {
    if (this.stopped) return
    if (this.processing.has(key)) {
      this.dirty.add(key)
      return
    }
    if (this.waiting.has(key)) return
    this.waiting.set(key, this.clock.monotonicMs())
    this.observer?.added()
    this.observer?.length(this.waiting.size)
    this.onReady?.()
  }

  /** Of several delays of one key the soonest counts. Nobody sleeps longer than a day. */
  addAfter(key: string, delayMs: number): void {
    if (this.stopped) return
    if (delayMs <= 0) {
      this.add(key)
      return
    }
    // Timers of the platform overflow after 24 days and fire at once; who is woken early looks again.
    const sleepMs = Math.min(delayMs, sleepMaxMs)
    const atMs = this.clock.monotonicMs() + sleepMs
    const earlier = this.delayed.get(key)
    if (earlier && earlier.atMs <= atMs) return
    earlier?.timer.cancel()
    const timer = this.clock.setTimer(sleepMs, () => {
      this.delayed.delete(key)
      this.add(key)
    })
    this.delayed.set(key, { atMs, timer })
  }

  /** After a failure: later and later, until `forget`. */
  addRateLimited(key: string): void {
    if (this.stopped) return
    const failed = this.failures.get(key) ?? 0
    this.failures.set(key, failed + 1)
    this.observer?.retried()
    this.addAfter(key, Math.min(this.retryFirstMs * 2 ** failed, this.retryMaxMs))
  }

  /** The key succeeded or is gone: its next failure is a first one. */
  forget(key: string): void {
    this.failures.delete(key)
  }

  failuresOf(key: string): number {
    return this.failures.get(key) ?? 0
  }

  /** The next key, which the caller must hand back with `done`; null when none waits. */
  take(): string | null {
    for (const [key, sinceMs] of this.waiting) {
      this.waiting.delete(key)
      this.observer?.taken(this.clock.monotonicMs() - sinceMs)
      this.observer?.length(this.waiting.size)
      this.processing.add(key)
      return key
    }
    return null
  }

  done(key: string): void {
    assert(this.processing.delete(key), 'only a key that was taken can be done')
    if (this.dirty.delete(key)) this.add(key)
  }

  /** Drops what waits; nothing is accepted any more. Keys in hand may still be `done`. */
  stop(): void {
    this.stopped = true
    this.waiting.clear()
    this.observer?.length(0)
    this.dirty.clear()
    this.failures.clear()
    for (const { timer } of this.delayed.values()) timer.cancel()
    this.delayed.clear()
  }
}

export interface WorkerHandlers {
  readonly work: (key: string) => Promise<void>
  /** What went wrong; the key comes back by itself, later and later. */
  readonly onError: (key: string, error: unknown) => void
}

/** At most `concurrency` keys in hand at a time. An InvariantViolation must end the process. */
export function runWorkers(queue: WorkQueue, concurrency: number, handlers: WorkerHandlers): void {
  let busy = 0
  const one = async (key: string) => {
    try {
      await handlers.work(key)
      queue.forget(key)
    } catch (error) {
      handlers.onError(key, error)
      queue.addRateLimited(key)
    }
    queue.done(key)
    busy--
    pump()
  }
  const pump = () => {
    while (busy < concurrency) {
      const key = queue.take()
      if (key === null) return
      busy++
      void one(key)
    }
  }
  queue.onReady = pump
  pump()
}
