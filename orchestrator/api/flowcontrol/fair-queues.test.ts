import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FairQueues, Ticket } from './fair-queues.js'
import type { QueuingRules } from './fair-queues.js'
import { narrow } from './request-width.js'
import type { RequestWidth } from './request-width.js'
import { dealHand, flowHash } from './shuffle-sharding.js'

const rules: QueuingRules = { queues: 8, handSize: 2, lengthMax: 5 }
const wide = (seats: number): RequestWidth => ({ seats, finalSeats: 0, finalMs: 0 })

const width = fc.record({
  seats: fc.integer({ min: 1, max: 6 }),
  finalSeats: fc.integer({ min: 0, max: 4 }),
  finalMs: fc.constant(5),
})

type Step =
  | { readonly kind: 'arrive'; readonly flow: number; readonly width: RequestWidth }
  | { readonly kind: 'finish' | 'settle' | 'cancel'; readonly pick: number }
  | { readonly kind: 'seats'; readonly seats: number }
  | { readonly kind: 'rules'; readonly rules: QueuingRules | null }

const pick = fc.nat({ max: 1_000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      flow: fc.nat({ max: 5 }),
      width,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('finish', 'settle', 'cancel'), pick }),
  },
  fc.record({ kind: fc.constant('seats' as const), seats: fc.nat({ max: 9 }) }),
  fc.record({
    kind: fc.constant('rules' as const),
    rules: fc.constantFrom(null, rules, { queues: 2, handSize: 1, lengthMax: 3 }),
  }),
)

/** What is where, by the tickets' own states: the dumb model. */
class Model {
  readonly tickets: Ticket<number>[] = []
  readonly queues = new FairQueues<number>(rules, 4, 0)
  nowMs = 0
  seatsMax = 4

  those(state: Ticket['state']): readonly Ticket<number>[] {
    return this.tickets.filter(ticket => ticket.state === state)
  }

  get seats(): number {
    const held = this.those('running').reduce((sum, ticket) => sum + ticket.heldSeats, 0)
    return this.those('final').reduce((sum, ticket) => sum + ticket.width.finalSeats, held)
  }

  take(one: Step): void {
    this.nowMs += 7
    const { queues, nowMs } = this
    const before = this.seats
    const waitingBefore = new Set(this.those('waiting'))
    let started: readonly Ticket<number>[] = []
    switch (one.kind) {
      case 'arrive': {
        const ticket = new Ticket(one.flow, one.width, nowMs)
        const arrival = queues.arrive(ticket, () => flowHash('schema', String(one.flow)), nowMs)
        if (arrival === 'running' || arrival === 'waiting') {
          expect(ticket.state).toBe(arrival)
          this.tickets.push(ticket)
        } else expect(ticket.state).toBe('arriving')
        break
      }
      case 'finish':
        started = this.#pick('running', one.pick, ticket => queues.finish(ticket, nowMs))
        break
      case 'settle':
        started = this.#pick('final', one.pick, ticket => queues.settle(ticket, nowMs))
        break
      case 'cancel':
        started = this.#pick('waiting', one.pick, ticket => queues.cancel(ticket, nowMs))
        break
      case 'seats':
        this.seatsMax = one.seats
        started = queues.setSeats(one.seats, nowMs)
        break
      case 'rules':
        queues.setRules(one.rules)
        break
    }
    for (const ticket of started) {
      expect(waitingBefore.has(ticket)).toBe(true)
      expect(ticket.state).toBe('running')
    }
    const widest = Math.max(0, ...this.tickets.map(ticket => ticket.heldSeats))
    expect(queues.seatsInUse).toBe(this.seats)
    // Seats are lowered under what runs; but nobody new is let in above them, save one alone.
    if (this.seats > before) {
      expect(
        this.seats <= this.seatsMax ||
          this.those('running').length + this.those('final').length === 1,
      ).toBe(true)
    }
    expect(this.seats).toBeLessThanOrEqual(Math.max(9, widest))
    expect(queues.waiting).toBe(this.those('waiting').length)
    for (const queue of queues.queues) expect(queue.waiting.length).toBeLessThanOrEqual(5)
    // Nobody waits for nothing.
    if (queues.waiting > 0 && this.seatsMax > 0) expect(this.seats).toBeGreaterThan(0)
  }

  #pick(
    state: Ticket['state'],
    at: number,
    act: (ticket: Ticket<number>) => readonly Ticket<number>[],
  ): readonly Ticket<number>[] {
    const among = this.those(state)
    const ticket = among[at % Math.max(1, among.length)]
    return ticket === undefined ? [] : act(ticket)
  }
}

describe('whatever happens', () => {
  test('limits hold, nobody waits for nothing, and every seat is given back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), steps => {
        const model = new Model()
        for (const one of steps) model.take(one)
        model.take({ kind: 'seats', seats: 3 })
        // Whoever waits gets a turn once the others have ended.
        for (let round = 0; model.those('done').length < model.tickets.length; round++) {
          expect(round).toBeLessThan(2_000)
          model.take({ kind: 'finish', pick: round })
          model.take({ kind: 'settle', pick: round })
        }
        expect(model.queues.seatsInUse).toBe(0)
        expect(model.queues.idle).toBe(true)
        expect(model.queues.activeQueues).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

/** Runs until `untilMs`: each flow keeps `pending` requests coming; how many of each were done. */
function served(
  flows: readonly { readonly pending: number; readonly width: RequestWidth; readonly ms: number }[],
  seats: number,
  untilMs: number,
): readonly number[] {
  const roomy: QueuingRules = { queues: flows.length, handSize: 1, lengthMax: 1_000 }
  const queues = new FairQueues<number>(roomy, seats, 0)
  const done = flows.map(() => 0)
  const ends: { readonly atMs: number; readonly ticket: Ticket<number> }[] = []
  const start = (ticket: Ticket<number>, nowMs: number) => {
    ends.push({ atMs: nowMs + (flows[ticket.owner]?.ms ?? 0), ticket })
    ends.sort((a, b) => a.atMs - b.atMs)
  }
  const arrive = (flow: number, nowMs: number) => {
    const ticket = new Ticket(flow, flows[flow]?.width ?? narrow, nowMs)
    if (queues.arrive(ticket, () => flow, nowMs) === 'running') start(ticket, nowMs)
  }
  for (const [flow, { pending }] of flows.entries()) {
    for (let one = 0; one < pending; one++) arrive(flow, 0)
  }
  for (let next = ends.shift(); next !== undefined && next.atMs < untilMs; next = ends.shift()) {
    const { atMs, ticket } = next
    done[ticket.owner] = (done[ticket.owner] ?? 0) + 1
    for (const started of queues.finish(ticket, atMs)) start(started, atMs)
    arrive(ticket.owner, atMs)
  }
  return done
}

describe('between flows', () => {
  test('one that asks for fifty times as much gets no more', () => {
    const [flood = 0, modest = 0] = served(
      [
        { pending: 200, width: narrow, ms: 10 },
        { pending: 4, width: narrow, ms: 10 },
      ],
      4,
      10_000,
    )
    expect(flood + modest).toBeGreaterThan(3_900)
    expect(Math.abs(flood - modest)).toBeLessThan(200)
  })

  test('one whose requests take longer, or more seats, gets as much of the server', () => {
    const [long = 0, wider = 0, short = 0] = served(
      [
        { pending: 60, width: narrow, ms: 40 },
        { pending: 60, width: wide(2), ms: 10 },
        { pending: 60, width: narrow, ms: 10 },
      ],
      6,
      30_000,
    )
    const work = [long * 40, wider * 20, short * 10]
    const fair = work.reduce((sum, one) => sum + one, 0) / 3
    for (const one of work) expect(Math.abs(one - fair) / fair).toBeLessThan(0.1)
  })

  test('one that asks for little waits for nobody who asks for much', () => {
    const queues = new FairQueues<string>({ queues: 2, handSize: 1, lengthMax: 100 }, 1, 0)
    const flood = Array.from({ length: 50 }, () => new Ticket('flood', narrow, 0))
    for (const ticket of flood) queues.arrive(ticket, () => 0, 0)
    const mouse = new Ticket('mouse', narrow, 100)
    expect(queues.arrive(mouse, () => 1, 100)).toBe('waiting')
    expect(queues.finish(flood[0] as Ticket<string>, 101)).toEqual([mouse])
  })

  test('one that was away for long has saved nothing up', () => {
    const queues = new FairQueues<string>({ queues: 2, handSize: 1, lengthMax: 100 }, 1, 0)
    const arrive = (flow: string, nowMs: number) => {
      const ticket = new Ticket(flow, narrow, nowMs)
      queues.arrive(ticket, () => (flow === 'steady' ? 0 : 1), nowMs)
      return ticket
    }
    let running = arrive('steady', 0)
    for (let nowMs = 10; nowMs < 10_000; nowMs += 10) {
      arrive('steady', nowMs)
      running = queues.finish(running, nowMs)[0] as Ticket<string>
    }
    for (let one = 0; one < 50; one++) arrive('late', 10_000)
    for (let one = 0; one < 50; one++) arrive('steady', 10_000)
    let late = 0
    for (let nowMs = 10_010; nowMs < 10_410; nowMs += 10) {
      running = queues.finish(running, nowMs)[0] as Ticket<string>
      if (running.owner === 'late') late += 1
    }
    expect(Math.abs(late - 20)).toBeLessThanOrEqual(2)
  })

  test('a wide request gets its turn among a stream of narrow ones', () => {
    const queues = new FairQueues<string>({ queues: 2, handSize: 1, lengthMax: 100 }, 4, 0)
    let running = Array.from({ length: 4 }, () => new Ticket('narrow', narrow, 0))
    for (const ticket of running) queues.arrive(ticket, () => 0, 0)
    const big = new Ticket('big', wide(4), 1)
    queues.arrive(big, () => 1, 1)
    for (let nowMs = 2; big.state === 'waiting'; nowMs++) {
      expect(nowMs).toBeLessThan(50)
      queues.arrive(new Ticket('narrow', narrow, nowMs), () => 0, nowMs)
      const [first, ...others] = running
      running = first === undefined ? [] : [...others, ...queues.finish(first, nowMs)]
    }
    expect(queues.seatsInUse).toBe(4)
  })
})

describe('whose turn it is can change while nobody starts', () => {
  const lasting: RequestWidth = { seats: 2, finalSeats: 2, finalMs: 5 }
  const four: QueuingRules = { queues: 4, handSize: 1, lengthMax: 9 }
  const arrive = (
    queues: FairQueues<string>,
    name: string,
    queue: number,
    width: RequestWidth,
    nowMs: number,
  ) => {
    const ticket = new Ticket(name, width, nowMs)
    queues.arrive(ticket, () => queue, nowMs)
    return ticket
  }

  test('with the end of a request that keeps its seats: whoever is next then starts', () => {
    const queues = new FairQueues<string>(four, 4, 0)
    const long = arrive(queues, 'long', 0, lasting, 0)
    arrive(queues, 'other', 1, narrow, 0)
    // One seat is free. The wide one is next, as long as it is not known how long that before it took.
    const big = arrive(queues, 'big', 0, wide(2), 0)
    const small = arrive(queues, 'small', 2, narrow, 15)
    expect([big.state, small.state]).toEqual(['waiting', 'waiting'])
    expect(queues.finish(long, 15)).toEqual([small])
    expect(long.state).toBe('final')
    expect(queues.settle(long, 20)).toEqual([big])
  })

  test('with an arrival, where two are equal: it starts nobody but itself', () => {
    const queues = new FairQueues<string>(four, 6, 0)
    const running = arrive(queues, 'running', 0, wide(2), 0)
    for (const name of ['a', 'b']) arrive(queues, name, 3, narrow, 0)
    // Two seats are free. Both would be done at the same virtual time, and the wide one is looked at first.
    const big = arrive(queues, 'big', 1, wide(3), 0)
    const equal = arrive(queues, 'equal', 3, narrow, 0)
    expect([big.state, equal.state]).toEqual(['waiting', 'waiting'])
    const sooner = arrive(queues, 'sooner', 2, narrow, 0)
    // Now the other one would be: nobody is told of it here, so it waits for the next end.
    expect([sooner.state, big.state, equal.state]).toEqual(['running', 'waiting', 'waiting'])
    expect(queues.finish(running, 1)).toEqual([equal])
  })
})

test('a level without queues refuses what finds no seat, one without seats holds all back', () => {
  const strict = new FairQueues<null>(null, 1, 0)
  expect(strict.arrive(new Ticket(null, narrow, 0), () => 0, 0)).toBe('running')
  expect(strict.arrive(new Ticket(null, narrow, 0), () => 0, 0)).toBe('concurrency-limit')
  const closed = new FairQueues<null>(rules, 0, 0)
  const waiting = new Ticket(null, narrow, 0)
  expect(closed.arrive(waiting, () => 0, 0)).toBe('waiting')
  expect(closed.setSeats(1, 1)).toEqual([waiting])
})

describe('hands', () => {
  test('hold different cards of the deck, the same for the same flow', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 8 }),
        (flow, deck, wanted) => {
          const size = Math.min(wanted, deck)
          const hand = dealHand(flowHash('s', flow), deck, size)
          expect(new Set(hand).size).toBe(size)
          for (const card of hand) expect(card >= 0 && card < deck).toBe(true)
          expect(dealHand(flowHash('s', flow), deck, size)).toEqual(hand)
        },
      ),
    )
  })

  test('use all cards alike, and two flows seldom share one whole', () => {
    const times = Array.from({ length: 64 }, () => 0)
    const hands = new Set<string>()
    for (let flow = 0; flow < 6_400; flow++) {
      const hand = dealHand(flowHash('service-accounts', `system:user-${flow}`), 64, 6)
      for (const card of hand) times[card] = (times[card] ?? 0) + 1
      hands.add(hand.toSorted((a, b) => a - b).join())
    }
    // 600 each: five standard deviations are 120.
    for (const one of times) expect(Math.abs(one - 600)).toBeLessThan(120)
    expect(hands.size).toBeGreaterThan(6_390)
  })
})
