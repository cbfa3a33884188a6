// Two ways to ask a server for work. Closed loop: every slot asks again once it was answered, which finds
// out how much there can be, but asks less of a server that is slow just then, so its latencies flatter.
// Open loop: a fixed rate, whatever the server does, and latency counts from the moment at which a request
// was due, also where it could only be sent later ("coordinated omission" is what others call leaving that
// out). Requests are due at even distances, not at random ones.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Recorded } from './recorder.js'
import { Recorder } from './recorder.js'

/** Once for every call, never within it; null is well, else what was said. */
export type Done = (failure: string | null) => void

/** Asks for one operation on behalf of a slot, which has one under way at a time; latency runs from `dueMs`. */
export type Ask = (slot: number, done: Done, dueMs: number) => void

export interface LoadPlan {
  readonly clock: Clock
  /** Operations that may be under way at a time. */
  readonly slots: number
  /** Operations a second; a closed loop when absent. */
  readonly rate?: number
  readonly warmUpMs: number
  readonly windowMs: number
  /** After the window, until what is still under way counts as unanswered. */
  readonly drainMsMax: number
  readonly ask: Ask
  /** When the window opens, and when it closes: for meters. */
  readonly onOpen?: () => void
  readonly onClose?: () => void
  /** Ends the window early. */
  readonly stop?: Stop
}

/** A wish to end, from whoever runs the whole. */
export interface Stop {
  readonly stopped: boolean
  /** Calls back at once when it was wished already; answers how to forget about it. */
  onStop(callback: () => void): () => void
}

/** A slot that failed waits, lest a server that refuses is asked in a busy loop. */
const failurePauseMs = 10

interface Slot {
  readonly number: number
  readonly done: Done
  dueMs: number
}

export function runLoad(plan: LoadPlan): Promise<Recorded> {
  return new Promise(resolve => {
    new Load(plan, resolve).start()
  })
}

class Load {
  readonly #plan: LoadPlan
  readonly #resolve: (recorded: Recorded) => void
  readonly #recorder = new Recorder()
  readonly #slots: Slot[]
  /** Of an open loop: slots without work, the one first that has been so for longest. */
  readonly #free: Ring<Slot>
  readonly #startMs: number
  readonly #underWay = new Set<Slot>()
  #requests = 0
  #asking = true
  #over = false
  #forgetStop: () => void = () => {}
  /** To the begin or the end of the window, then to the end of waiting for what is under way. */
  #timer: Timer | null = null
  /** Of a closed loop: slots that were answered in this turn of the event loop. */
  #answered: Slot[] = []
  #turning = false

  constructor(plan: LoadPlan, resolve: (recorded: Recorded) => void) {
    this.#plan = plan
    this.#resolve = resolve
    this.#startMs = plan.clock.monotonicMs()
    this.#slots = Array.from({ length: plan.slots }, (_, number) => this.#slot(number))
    this.#free = new Ring(this.#slots)
  }

  start(): void {
    const { clock, rate, warmUpMs, stop } = this.#plan
    this.#timer = clock.setTimer(warmUpMs, () => this.#open())
    this.#forgetStop = stop?.onStop(() => this.#close()) ?? this.#forgetStop
    if (!this.#asking) return
    if (rate === undefined) for (const slot of this.#slots) this.#ask(slot, this.#startMs)
    else this.#askWhatIsDue(rate)
  }

  /** Timers are late at times: the window is as long as it should be, and meters see the same one. */
  #open(): void {
    const { clock, windowMs } = this.#plan
    this.#recorder.open(clock.monotonicMs())
    this.#timer = clock.setTimer(windowMs, () => this.#close())
    this.#plan.onOpen?.()
  }

  #slot(number: number): Slot {
    const slot: Slot = { number, done: failure => this.#done(slot, failure), dueMs: 0 }
    return slot
  }

  #ask(slot: Slot, dueMs: number): void {
    slot.dueMs = dueMs
    this.#underWay.add(slot)
    this.#plan.ask(slot.number, slot.done, dueMs)
  }

  #done(slot: Slot, failure: string | null): void {
    if (this.#over || !this.#underWay.delete(slot)) return
    const { clock, rate } = this.#plan
    if (failure === null) this.#recorder.answered(slot.dueMs, clock.monotonicMs())
    else this.#recorder.failed(slot.dueMs, failure)
    if (!this.#asking) {
      if (this.#underWay.size === 0) this.#end()
    } else if (rate !== undefined) {
      this.#free.push(slot)
      // What was due already has waited for this slot.
      if (this.#free.size === 1) this.#turn()
    } else if (failure === null) this.#again(slot)
    else clock.setTimer(failurePauseMs, () => this.#again(slot))
  }

  #again(slot: Slot): void {
    this.#answered.push(slot)
    this.#turn()
  }

  /**
   * Asks again once everything that has come is taken. Whoever asks within an answer is answered while the
   * same socket is still being read, and so on: then no timer runs for seconds.
   */
  #turn(): void {
    if (this.#turning) return
    this.#turning = true
    this.#plan.clock.defer(() => {
      this.#turning = false
      if (!this.#asking) return
      const { clock, rate } = this.#plan
      if (rate !== undefined) this.#take(rate)
      const slots = this.#answered
      this.#answered = []
      for (const slot of slots) this.#ask(slot, clock.monotonicMs())
    })
  }

  #askWhatIsDue(rate: number): void {
    if (!this.#asking) return
    this.#take(rate)
    const nextMs = this.#dueMs(rate) - this.#plan.clock.monotonicMs()
    this.#plan.clock.setTimer(Math.max(1, nextMs), () => this.#askWhatIsDue(rate))
  }

  #dueMs(rate: number): number {
    return this.#startMs + (this.#requests * 1_000) / rate
  }

  /** As many as are due and have a slot. Those that have none keep their time. */
  #take(rate: number): void {
    const nowMs = this.#plan.clock.monotonicMs()
    for (let dueMs = this.#dueMs(rate); dueMs <= nowMs; dueMs = this.#dueMs(rate)) {
      const slot = this.#free.take()
      if (slot === null) return
      this.#requests += 1
      this.#ask(slot, dueMs)
    }
  }

  #close(): void {
    if (!this.#asking) return
    const { clock, rate, drainMsMax } = this.#plan
    this.#timer?.cancel()
    const nowMs = clock.monotonicMs()
    this.#recorder.close(nowMs)
    // Due since the last look.
    if (rate !== undefined) this.#take(rate)
    this.#asking = false
    this.#forgetStop()
    this.#plan.onClose?.()
    // What was due and found no slot until now has no answer, and must not be left out.
    if (rate !== undefined) this.#giveUpWaiting(rate, nowMs)
    if (this.#underWay.size === 0) this.#end()
    else this.#timer = clock.setTimer(drainMsMax, () => this.#end())
  }

  #giveUpWaiting(rate: number, untilMs: number): void {
    for (let dueMs = this.#dueMs(rate); dueMs < untilMs; dueMs = this.#dueMs(rate)) {
      this.#requests += 1
      this.#recorder.failed(dueMs, 'not sent before the end: too many were under way')
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    for (const { dueMs } of this.#underWay) this.#recorder.failed(dueMs, 'not answered')
    this.#resolve(this.#recorder.recorded())
  }
}

/** First in, first out, with room for all that there are. */
class Ring<T> {
  readonly #items: (T | undefined)[]
  #first = 0
  #size: number

  constructor(items: readonly T[]) {
    this.#items = [...items]
    this.#size = items.length
  }

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    this.#items[(this.#first + this.#size) % this.#items.length] = item
    this.#size += 1
  }

  take(): T | null {
    if (this.#size === 0) return null
    const item = this.#items[this.#first]
    this.#first = (this.#first + 1) % this.#items.length
    this.#size -= 1
    return item ?? null
  }
}
