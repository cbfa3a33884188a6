// The one thread that everything in a simulation runs on: events by (time, sequence), each of them
// one step of one process, or of the world around them. A process that has died takes no more
// steps; one that is paused takes those it missed when it goes on, in order.

import type { QueuedEvent } from '../../platform/testing/event-queue.js'
import { EventQueue } from '../../platform/testing/event-queue.js'
import type { Trace } from './trace.js'

/** One life of one process. */
export class SimProcess {
  readonly machine: number
  /** Never used twice in a simulation. */
  readonly pid: number
  alive = true
  paused = false
  /** What came while it was paused. */
  held: SimEvent[] = []

  constructor(machine: number, pid: number) {
    this.machine = machine
    this.pid = pid
  }
}

/** What an event is, for the trace. */
export type EventKind =
  | 'timer'
  | 'defer'
  | 'read'
  | 'write'
  | 'sync'
  | 'name'
  | 'frame'
  | 'link'
  | 'client'
  | 'fault'
  | 'machine'
  | 'look'

const kindCodes: Record<EventKind, number> = {
  timer: 1,
  defer: 2,
  read: 3,
  write: 4,
  sync: 5,
  name: 6,
  frame: 7,
  link: 8,
  client: 9,
  fault: 10,
  machine: 11,
  look: 12,
}

interface SimEvent {
  readonly kind: EventKind
  readonly process: SimProcess | null
  readonly run: () => void
}

export type SimTimer = QueuedEvent<SimEvent>

export class Scheduler {
  nowMs = 0
  /** Events that were run. */
  steps = 0
  /** Whose step was run last; null: the world's. */
  lastProcess: SimProcess | null = null
  private readonly queue = new EventQueue<SimEvent>()
  private readonly trace: Trace
  private readonly afterStep: (process: SimProcess) => void

  constructor(trace: Trace, afterStep: (process: SimProcess) => void) {
    this.trace = trace
    this.afterStep = afterStep
  }

  after(delayMs: number, kind: EventKind, process: SimProcess | null, run: () => void): SimTimer {
    return this.queue.push(this.nowMs + Math.max(0, delayMs), { kind, process, run })
  }

  cancel(timer: SimTimer): void {
    this.queue.cancel(timer)
  }

  /** Runs the next event; false when there is none up to `untilMs`. */
  step(untilMs: number): boolean {
    const atMs = this.queue.nextMs
    if (atMs > untilMs) return false
    const event = this.queue.take()
    if (event === null) return false
    this.nowMs = atMs
    this.run(event)
    return true
  }

  private run(event: SimEvent): void {
    const { kind, process } = event
    if (process?.alive === false) return
    if (process?.paused === true) {
      process.held.push(event)
      return
    }
    this.steps += 1
    this.lastProcess = process
    this.trace.note(this.nowMs)
    this.trace.note(kindCodes[kind] * 64 + (process?.machine ?? 0))
    event.run()
    if (process?.alive === true) this.afterStep(process)
  }

  /** It goes on, with what it missed. */
  resume(process: SimProcess): void {
    process.paused = false
    const { held } = process
    process.held = []
    for (const event of held) this.queue.push(this.nowMs, event)
  }
}
