// The seats and queues of one priority level. What finds no seat waits in one of the few queues of its
// flow's hand; the queue whose next request would be done first in virtual time goes next, so that
// flows get equal parts however much they ask for. Counterpart: util/flowcontrol/fairqueuing/queueset
// of apiserver. Synchronous: time comes as an argument, who may start is returned.
//
//   arrive ──seat free──> running ──finish──> final seats ──settle──> done
//      └────else────────> waiting ──cancel──────────────────────────> done

import { assert, must } from '../../../platform/errors.js'
import type { RequestWidth } from './request-width.js'
import { SeatDemand } from './seat-demand.js'
import { dealHand } from './shuffle-sharding.js'

export interface QueuingRules {
  readonly queues: number
  readonly handSize: number
  readonly lengthMax: number
}

/** One request, from its arrival until it has given back its last seat. */
export class Ticket<T = unknown> {
  /** Whose it is; nothing to this file. */
  readonly owner: T
  readonly width: RequestWidth
  readonly arrivedMs: number
  state: 'arriving' | 'waiting' | 'running' | 'final' | 'done' = 'arriving'
  startedMs = -1
  /** Virtual time of its arrival. */
  arrivedR = 0
  queue: Queue<T> | null = null

  constructor(owner: T, width: RequestWidth, nowMs: number) {
    this.owner = owner
    this.width = width
    this.arrivedMs = nowMs
  }

  /** What it holds from its start to its end: enough for what comes after, too. */
  get heldSeats(): number {
    return Math.max(this.width.seats, this.width.finalSeats)
  }
}

export type Arrival = 'running' | 'waiting' | 'queue-full' | 'concurrency-limit'

class Queue<T> {
  readonly index: number
  readonly waiting: Ticket<T>[] = []
  running = 0
  seatsWaiting = 0
  seatsInUse = 0
  /** Virtual time, in seat-milliseconds, at which its next request would start. */
  nextR = 0

  constructor(index: number) {
    this.index = index
  }

  get active(): boolean {
    return this.waiting.length > 0 || this.running > 0
  }
}

export interface QueueState<T> {
  readonly index: number
  readonly waiting: readonly Ticket<T>[]
  readonly running: number
  readonly seatsInUse: number
  readonly seatsWaiting: number
  readonly nextR: number
}

/** What a request is taken to last before it has shown how long. */
const expectedMs = 3

export class FairQueues<T = unknown> {
  readonly demand: SeatDemand
  #rules: QueuingRules | null
  #seatsMax: number
  #queues: Queue<T>[] = []
  #running = new Set<Ticket<T>>()
  #waiting = 0
  /** 0 <= seatsInUse <= max(seatsMax, the widest request), until seatsMax is lowered. */
  #seatsInUse = 0
  #seatsWaiting = 0
  #activeQueues = 0
  #r = 0
  #lastMs: number
  #arrivals = 0
  #robin = 0

  /** `rules` null: what finds no seat is refused. `seatsMax` may be Infinity. */
  constructor(rules: QueuingRules | null, seatsMax: number, nowMs: number) {
    this.#rules = rules
    this.#seatsMax = seatsMax
    this.#lastMs = nowMs
    this.demand = new SeatDemand(nowMs)
    this.#openQueues()
  }

  get seatsMax(): number {
    return this.#seatsMax
  }

  get seatsInUse(): number {
    return this.#seatsInUse
  }

  get waiting(): number {
    return this.#waiting
  }

  get running(): ReadonlySet<Ticket<T>> {
    return this.#running
  }

  get queues(): readonly QueueState<T>[] {
    return this.#queues
  }

  get activeQueues(): number {
    return this.#activeQueues
  }

  get idle(): boolean {
    return this.#waiting === 0 && this.#running.size === 0
  }

  /** `hash`: of its flow, an integer below 2^53. */
  arrive(ticket: Ticket<T>, hash: () => number, nowMs: number): Arrival {
    assert(ticket.state === 'arriving', 'a ticket arrives once')
    if (this.#rules === null) {
      // Queues that are being emptied go first.
      if (this.#waiting > 0 || !this.#fits(ticket)) return 'concurrency-limit'
      this.#start(ticket, nowMs)
      return 'running'
    }
    this.#advance(nowMs)
    const queue = this.#choose(this.#rules, hash())
    const free = this.#waiting === 0 && this.#fits(ticket)
    if (!free && queue.waiting.length >= this.#rules.lengthMax) return 'queue-full'
    if (!queue.active) {
      // Who was away saves nothing up.
      queue.nextR = this.#r
      this.#activeQueues += 1
    }
    ticket.queue = queue
    ticket.arrivedR = this.#r
    if (free) {
      this.#start(ticket, nowMs)
      return 'running'
    }
    ticket.state = 'waiting'
    queue.waiting.push(ticket)
    queue.seatsWaiting += ticket.width.seats
    this.#seatsWaiting += ticket.width.seats
    this.#waiting += 1
    this.#measure(nowMs)
    // Its turn may come before that of a wide one that waits for room. Whose is after it can be another's than before,
    // where two are equal: who may start then is told with the next end, and one will come, for seats are in use.
    if (this.#next() !== queue || queue.waiting[0] !== ticket || !this.#fits(ticket))
      return 'waiting'
    this.#startNext(queue, nowMs)
    return 'running'
  }

  /** The request has ended; who may start now. `settle` is due after width.finalMs if it is 'final'. */
  finish(ticket: Ticket<T>, nowMs: number): readonly Ticket<T>[] {
    assert(ticket.state === 'running', 'only what runs can finish')
    this.#advance(nowMs)
    const { queue, width } = ticket
    if (queue !== null) {
      // What was taken for its work is set right.
      queue.nextR += (nowMs - ticket.startedMs - expectedMs) * width.seats
      const first = queue.waiting[0]
      if (first !== undefined && queue.nextR < first.arrivedR) queue.nextR = first.arrivedR
    }
    const lasting = width.finalSeats > 0 && this.#seatsMax !== Infinity
    if (!lasting) return this.#release(ticket, ticket.heldSeats, nowMs)
    const freed = ticket.heldSeats - width.finalSeats
    ticket.state = 'final'
    this.#seatsInUse -= freed
    if (queue !== null) queue.seatsInUse -= freed
    this.#measure(nowMs)
    // Though no seat was freed: what it lasted can make it another's turn.
    return this.#dispatch(nowMs)
  }

  /** The time of the final seats is over; who may start now. */
  settle(ticket: Ticket<T>, nowMs: number): readonly Ticket<T>[] {
    assert(ticket.state === 'final', 'only final seats can be settled')
    this.#advance(nowMs)
    return this.#release(ticket, ticket.width.finalSeats, nowMs)
  }

  /** It waits no longer; who may start now. Nothing happens to what does not wait. */
  cancel(ticket: Ticket<T>, nowMs: number): readonly Ticket<T>[] {
    const { queue } = ticket
    if (ticket.state !== 'waiting' || queue === null) return []
    this.#advance(nowMs)
    queue.waiting.splice(queue.waiting.indexOf(ticket), 1)
    this.#unqueue(ticket, queue)
    ticket.state = 'done'
    if (!queue.active) this.#activeQueues -= 1
    this.#measure(nowMs)
    this.#dropEmptied()
    return this.#dispatch(nowMs)
  }

  /** Who may start now. What runs is never interrupted. */
  setSeats(seatsMax: number, nowMs: number): readonly Ticket<T>[] {
    assert(seatsMax >= 0, 'seats are counted')
    this.#advance(nowMs)
    this.#seatsMax = seatsMax
    return this.#dispatch(nowMs)
  }

  /** Queues that are not wanted any more are emptied before they go. */
  setRules(rules: QueuingRules | null): void {
    this.#rules = rules
    this.#openQueues()
    this.#dropEmptied()
  }

  #openQueues(): void {
    const wanted = this.#rules?.queues ?? 0
    while (this.#queues.length < wanted) this.#queues.push(new Queue(this.#queues.length))
  }

  #dropEmptied(): void {
    const wanted = this.#rules?.queues ?? 0
    while (this.#queues.length > wanted && this.#queues.at(-1)?.active === false) {
      this.#queues.pop()
    }
  }

  #advance(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#lastMs)
    this.#lastMs = nowMs
    if (this.#activeQueues === 0) return
    const wanted = this.#seatsInUse + this.#seatsWaiting
    this.#r += (elapsedMs * Math.min(wanted, this.#seatsMax)) / this.#activeQueues
  }

  /** The least loaded of the hand; of equal ones not always the same. */
  #choose(rules: QueuingRules, hash: number): Queue<T> {
    const hand = dealHand(hash, rules.queues, rules.handSize)
    const offset = this.#arrivals % hand.length
    this.#arrivals += 1
    let best: Queue<T> | null = null
    let least = Infinity
    for (let at = 0; at < hand.length; at++) {
      const queue = this.#queues[hand[(offset + at) % hand.length] as number] as Queue<T>
      const load = queue.seatsWaiting + queue.seatsInUse
      if (load < least) {
        best = queue
        least = load
      }
    }
    assert(best !== null, 'a hand has cards')
    return best
  }

  /** What is wider than the level runs alone. A level without seats holds everything back. */
  #fits(ticket: Ticket<T>): boolean {
    if (this.#seatsMax === 0) return false
    return this.#seatsInUse === 0 || this.#seatsInUse + ticket.heldSeats <= this.#seatsMax
  }

  #start(ticket: Ticket<T>, nowMs: number): void {
    const { queue, width } = ticket
    ticket.state = 'running'
    ticket.startedMs = nowMs
    this.#running.add(ticket)
    this.#seatsInUse += ticket.heldSeats
    if (queue !== null) {
      queue.running += 1
      queue.seatsInUse += ticket.heldSeats
      queue.nextR += workOf(width)
    }
    this.#measure(nowMs)
  }

  #unqueue(ticket: Ticket<T>, queue: Queue<T>): void {
    queue.seatsWaiting -= ticket.width.seats
    this.#seatsWaiting -= ticket.width.seats
    this.#waiting -= 1
  }

  #release(ticket: Ticket<T>, seats: number, nowMs: number): readonly Ticket<T>[] {
    const { queue } = ticket
    ticket.state = 'done'
    this.#running.delete(ticket)
    this.#seatsInUse -= seats
    assert(this.#seatsInUse >= 0, 'a seat is given back once')
    if (queue !== null) {
      queue.running -= 1
      queue.seatsInUse -= seats
      if (!queue.active) this.#activeQueues -= 1
      this.#dropEmptied()
    }
    this.#measure(nowMs)
    return this.#dispatch(nowMs)
  }

  /** Whose turn it is waits for room, even where others would fit: else wide requests would starve. */
  #dispatch(nowMs: number): readonly Ticket<T>[] {
    const started: Ticket<T>[] = []
    while (this.#waiting > 0) {
      const queue = this.#next()
      if (!this.#fits(queue.waiting[0] as Ticket<T>)) break
      started.push(this.#startNext(queue, nowMs))
    }
    return started
  }

  #startNext(queue: Queue<T>, nowMs: number): Ticket<T> {
    const ticket = must(queue.waiting.shift(), 'somebody waits in the queue')
    this.#unqueue(ticket, queue)
    this.#robin = queue.index
    this.#start(ticket, nowMs)
    return ticket
  }

  #next(): Queue<T> {
    let best: Queue<T> | null = null
    let soonest = Infinity
    for (let step = 1; step <= this.#queues.length; step++) {
      const queue = this.#queues[(this.#robin + step) % this.#queues.length] as Queue<T>
      const first = queue.waiting[0]
      if (first === undefined) continue
      const finishR = queue.nextR + workOf(first.width)
      if (finishR < soonest) {
        best = queue
        soonest = finishR
      }
    }
    assert(best !== null, 'who waits is in a queue')
    return best
  }

  #measure(nowMs: number): void {
    this.demand.set(this.#seatsInUse + this.#seatsWaiting, nowMs)
  }
}

/** In seat-milliseconds, as far as can be told beforehand. */
export function workOf({ seats, finalSeats, finalMs }: RequestWidth): number {
  return seats * expectedMs + finalSeats * finalMs
}
