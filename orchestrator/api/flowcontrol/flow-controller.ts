// All levels of one server: puts requests into flows and flows into levels, and shares the server's seats
// out among the levels. Counterpart: util/flowcontrol/apf_controller.go of apiserver. Synchronous, like
// its queues: time and hash come as arguments, who may start is returned.

import { assert, must } from '../../../platform/errors.js'
import type {
  FlowSchema,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../types/flowcontrol.js'
import { catchAllName, exemptName, mandatoryLevels, mandatorySchemas } from './bootstrap-objects.js'
import { distinguisherOf, inPrecedence, matchesSchema } from './classification.js'
import type { RequestDigest, RequestUser } from './classification.js'
import { levelLimits, shareOut, smoothedDemand } from './concurrency-limits.js'
import type { LevelLimits } from './concurrency-limits.js'
import { FairQueues, Ticket } from './fair-queues.js'
import type { Arrival, QueuingRules } from './fair-queues.js'
import type { RequestWidth } from './request-width.js'

/** What has become of the requests of a schema, or of a level. Each only grows. */
export interface Tally {
  dispatched: number
  timedOut: number
  cancelled: number
  queueFull: number
  noSeat: number
}

export interface FlowEntry {
  readonly schema: SchemaState
  readonly distinguisher: string
  readonly user: RequestUser
  readonly request: RequestDigest
}

export type FlowTicket = Ticket<FlowEntry>

export interface SchemaState {
  readonly name: string
  readonly uid: string
  readonly object: FlowSchema
  readonly level: LevelState
  readonly tally: Tally
  waiting: number
  running: number
  seats: number
}

export interface LevelState {
  readonly name: string
  uid: string
  spec: PriorityLevelConfigurationSpec
  readonly queues: FairQueues<FlowEntry>
  readonly tally: Tally
  limits: LevelLimits
  smoothed: number
  /** It is not configured any more, and goes when its last request has. */
  quiescing: boolean
}

export interface Placed {
  readonly ticket: FlowTicket
  readonly arrival: Arrival
}

export interface FlowControllerOptions {
  /** Of all levels together. */
  readonly seats: number
  /** An integer below 2^53 of a flow: the name of its schema and its distinguisher. */
  readonly hash: (schema: string, distinguisher: string) => number
}

export class FlowController {
  readonly #options: FlowControllerOptions
  readonly #levels = new Map<string, LevelState>()
  #schemas: readonly SchemaState[] = []
  #fraction = 1

  constructor(options: FlowControllerOptions, nowMs: number) {
    this.#options = options
    this.configure([], [], nowMs)
  }

  /** By name. */
  get levels(): readonly LevelState[] {
    return [...this.#levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** In the order in which they are asked. */
  get schemas(): readonly SchemaState[] {
    return this.#schemas
  }

  get fraction(): number {
    return this.#fraction
  }

  /** What must be there is, given or not. Schemas whose level is not there are passed by. */
  configure(
    schemas: readonly FlowSchema[],
    levels: readonly PriorityLevelConfiguration[],
    nowMs: number,
  ): readonly FlowTicket[] {
    const started: FlowTicket[] = []
    const wanted = new Map(
      [...mandatoryLevels, ...levels].map(level => [level.metadata.name ?? '', level]),
    )
    const specs = new Map([...wanted].map(([name, { spec }]) => [name, spec]))
    const limits = levelLimits(specs, this.#options.seats)
    for (const [name, level] of wanted) {
      const its = must(limits.get(name), 'every level has limits')
      started.push(...this.#putLevel(name, level, its, nowMs))
    }
    for (const level of this.#levels.values()) level.quiescing = !wanted.has(level.name)
    this.#dropEmptied()
    this.#putSchemas(schemas)
    return started
  }

  #putLevel(
    name: string,
    { spec, metadata }: PriorityLevelConfiguration,
    limits: LevelLimits,
    nowMs: number,
  ): readonly FlowTicket[] {
    const seats = spec.type === 'Exempt' ? Infinity : limits.nominal
    const known = this.#levels.get(name)
    const uid = metadata.uid ?? ''
    if (known === undefined) {
      this.#levels.set(name, {
        name,
        uid,
        spec,
        queues: new FairQueues(queuingRules(spec), seats, nowMs),
        tally: noTally(),
        limits,
        smoothed: 0,
        quiescing: false,
      })
      return []
    }
    const same = known.limits.nominal === limits.nominal && known.limits.lower === limits.lower
    known.uid = uid
    known.spec = spec
    known.limits = limits
    known.queues.setRules(queuingRules(spec))
    // What it has lent or borrowed stays so until all is shared out again.
    return same && seats !== Infinity ? [] : this.#started(known.queues.setSeats(seats, nowMs))
  }

  #putSchemas(schemas: readonly FlowSchema[]): void {
    const before = new Map(this.#schemas.map(state => [state.name, state]))
    const wanted = new Map(
      [...mandatorySchemas, ...schemas].map(schema => [schema.metadata.name ?? '', schema]),
    )
    this.#schemas = inPrecedence([...wanted.values()]).flatMap(object => {
      const level = this.#levels.get(object.spec.priorityLevelConfiguration.name)
      if (level === undefined || level.quiescing) return []
      const { name = '', uid = '' } = object.metadata
      const known = before.get(name)
      // Requests that are under way go on counting with the state that they came in with.
      if (known?.object === object && known.level === level) return [known]
      const { tally = noTally() } = known ?? {}
      return [{ name, uid, object, level, tally, waiting: 0, running: 0, seats: 0 }]
    })
  }

  /** Whose it is. Everybody is somebody's: the last schema has whom no other has. */
  classify(user: RequestUser, request: RequestDigest): SchemaState {
    for (const state of this.#schemas) {
      if (matchesSchema(state.object, user, request)) return state
    }
    // Users of neither group are none of ours, and are treated as the last schema's all the same.
    return must(
      this.#schemas.find(({ name }) => name === catchAllName),
      'the catch-all schema is always there',
    )
  }

  arrive(
    schema: SchemaState,
    user: RequestUser,
    request: RequestDigest,
    width: RequestWidth,
    nowMs: number,
  ): Placed {
    const distinguisher = distinguisherOf(schema.object, user, request)
    const ticket: FlowTicket = new Ticket({ schema, distinguisher, user, request }, width, nowMs)
    const hash = () => this.#options.hash(schema.name, distinguisher)
    const arrival = schema.level.queues.arrive(ticket, hash, nowMs)
    switch (arrival) {
      case 'running':
        this.#count(ticket)
        break
      case 'waiting':
        schema.waiting += 1
        break
      case 'queue-full':
        schema.tally.queueFull += 1
        schema.level.tally.queueFull += 1
        break
      case 'concurrency-limit':
        schema.tally.noSeat += 1
        schema.level.tally.noSeat += 1
        break
    }
    return { ticket, arrival }
  }

  /** Who may start now. Where the ticket's state is 'final', `settle` is due after width.finalMs. */
  finish(ticket: FlowTicket, nowMs: number): readonly FlowTicket[] {
    const { schema } = ticket.owner
    schema.running -= 1
    const started = this.#started(schema.level.queues.finish(ticket, nowMs))
    if (ticket.state === 'done') this.#gone(ticket)
    return started
  }

  settle(ticket: FlowTicket, nowMs: number): readonly FlowTicket[] {
    const started = this.#started(ticket.owner.schema.level.queues.settle(ticket, nowMs))
    this.#gone(ticket)
    return started
  }

  /** It has waited for too long, or nobody waits for it any more. */
  cancel(ticket: FlowTicket, why: 'timedOut' | 'cancelled', nowMs: number): readonly FlowTicket[] {
    const { schema } = ticket.owner
    assert(ticket.state === 'waiting', 'only who waits can give up')
    schema.waiting -= 1
    schema.tally[why] += 1
    schema.level.tally[why] += 1
    const started = this.#started(schema.level.queues.cancel(ticket, nowMs))
    this.#dropIfEmptied(schema.level)
    return started
  }

  /** Shares the seats out by what levels have wanted since this was last called. */
  adjust(nowMs: number): readonly FlowTicket[] {
    const limited: LevelState[] = []
    const demands = []
    let left = this.#options.seats
    for (const level of this.#levels.values()) {
      const { highest, mean, deviation } = level.queues.demand.take(nowMs)
      level.smoothed = smoothedDemand(level.smoothed, mean, deviation)
      const { limits, smoothed } = level
      if (level.name === exemptName) {
        left -= Math.max(limits.lower, Math.min(limits.nominal, highest))
      } else {
        limited.push(level)
        demands.push({ limits, highest, smoothed })
      }
    }
    const { seats, fraction } = shareOut(demands, left)
    this.#fraction = fraction
    return limited.flatMap((level, at) =>
      this.#started(level.queues.setSeats(seats[at] as number, nowMs)),
    )
  }

  #started(tickets: readonly FlowTicket[]): readonly FlowTicket[] {
    for (const ticket of tickets) {
      ticket.owner.schema.waiting -= 1
      this.#count(ticket)
    }
    return tickets
  }

  #count(ticket: FlowTicket): void {
    const { schema } = ticket.owner
    schema.running += 1
    schema.seats += ticket.heldSeats
    schema.tally.dispatched += 1
    schema.level.tally.dispatched += 1
  }

  #gone(ticket: FlowTicket): void {
    const { schema } = ticket.owner
    schema.seats -= ticket.heldSeats
    this.#dropIfEmptied(schema.level)
  }

  #dropIfEmptied(level: LevelState): void {
    if (level.quiescing && level.queues.idle) this.#dropEmptied()
  }

  #dropEmptied(): void {
    for (const level of this.#levels.values()) {
      if (level.quiescing && level.queues.idle) this.#levels.delete(level.name)
    }
  }
}

function queuingRules(spec: PriorityLevelConfigurationSpec): QueuingRules | null {
  const response = spec.limited?.limitResponse
  if (response?.type !== 'Queue') return null
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = response.queuing ?? {}
  return { queues, handSize, lengthMax: queueLengthLimit }
}

function noTally(): Tally {
  return { dispatched: 0, timedOut: 0, cancelled: 0, queueFull: 0, noSeat: 0 }
}
