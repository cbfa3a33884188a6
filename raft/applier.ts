// Committed entries on their way into the state machine, in slices, so that a long run of them never
// keeps the node from its heartbeats. Counterpart: the apply scheduler of etcd's server.

import type { Clock } from '../platform/clock.js'
import { assert, must, RaftsmanError } from '../platform/errors.js'
import type { Entry, LogIndex, NodeId } from './core/types.js'
import { type StateMachine, unfinished } from './state-machine.js'

const sliceMsMax = 5
/** Between two looks at the clock; what a long entry asks for takes its time. */
const entriesPerLook = 64
const bytesPerLook = 16 * 1024
/** How long a machine that has no room is left alone. */
const refusedRetryMs = 1000

export class Applier {
  private readonly clock: Clock
  private readonly machine: StateMachine
  private readonly self: NodeId
  private readonly onResult: (sequence: number, result: unknown) => void
  private queue: (readonly Entry[])[] = []
  /** In the first list of the queue. */
  private at = 0
  private waiting = 0
  private paused = false
  /** The machine refused an entry; it is asked again from then on. */
  private notBeforeMs = Number.NEGATIVE_INFINITY

  constructor(
    clock: Clock,
    machine: StateMachine,
    self: NodeId,
    onResult: (sequence: number, result: unknown) => void,
  ) {
    this.clock = clock
    this.machine = machine
    this.self = self
    this.onResult = onResult
  }

  add(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    this.queue.push(entries)
    this.waiting += entries.length
  }

  /** Entries committed and not applied. */
  get backlog(): number {
    return this.waiting
  }

  get hasWork(): boolean {
    return !this.paused && this.queue.length > 0 && this.clock.monotonicMs() >= this.notBeforeMs
  }

  /** The state is about to be replaced: what waits is part of what replaces it. */
  pause(replacedTo: LogIndex): void {
    for (const entries of this.queue)
      assert(must(entries.at(-1), 'no list is empty').index <= replacedTo, 'a snapshot covers more')
    this.queue = []
    this.at = 0
    this.waiting = 0
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.notBeforeMs = Number.NEGATIVE_INFINITY
  }

  /** Applies for a few milliseconds; `onApplied` for every entry. True when there was one. */
  slice(onApplied: (entry: Entry) => void): boolean {
    if (!this.hasWork) return false
    const endMs = this.clock.monotonicMs() + sliceMsMax
    let [entriesLeft, bytesLeft] = [entriesPerLook, bytesPerLook]
    let applied = false
    while (this.queue.length > 0) {
      const entries = must(this.queue[0], 'a list of the queue')
      const entry = must(entries[this.at], 'no list is empty')
      assert(entry.index === this.machine.appliedIndex + 1, 'entries are applied in order')
      let result: unknown
      try {
        result = this.machine.apply(entry)
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.notBeforeMs = this.clock.monotonicMs() + refusedRetryMs
        break
      }
      // What is finished of it took as long as a slice may.
      if (result === unfinished) break
      applied = true
      assert(this.machine.appliedIndex === entry.index, 'an applied entry moves the index')
      this.waiting -= 1
      onApplied(entry)
      if (entry.kind === 'normal' && entry.origin === this.self)
        this.onResult(entry.sequence, result)
      this.at += 1
      if (this.at === entries.length) {
        this.queue.shift()
        this.at = 0
      }
      entriesLeft -= 1
      bytesLeft -= entry.data.length
      if (entriesLeft > 0 && bytesLeft > 0) continue
      if (this.clock.monotonicMs() >= endMs) break
      ;[entriesLeft, bytesLeft] = [entriesPerLook, bytesPerLook]
    }
    if (applied) this.machine.applied()
    return applied
  }
}

/** Nothing of the entry was applied, and it will be one day. */
function isRefusal(error: unknown): boolean {
  return error instanceof RaftsmanError && error.retryable && error.outcome === 'not-applied'
}
