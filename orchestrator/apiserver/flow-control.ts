// Who may go on at once, who waits and who is turned away: the shell around the flow controller. It
// follows the flow schemas and levels in the cache, keeps the time of those who wait, and gives seats
// back. Counterpart: WithPriorityAndFairness of apiserver's filters.

import type { Clock, Timer } from '../../platform/clock.js'
import { FlowController } from '../api/flowcontrol/flow-controller.js'
import type { FlowTicket, LevelState, SchemaState } from '../api/flowcontrol/flow-controller.js'
import { listWidth, narrow, widthMax, writeWidth } from '../api/flowcontrol/request-width.js'
import type { RequestWidth } from '../api/flowcontrol/request-width.js'
import { RetryAfter } from '../api/flowcontrol/retry-after.js'
import { flowHash } from '../api/flowcontrol/shuffle-sharding.js'
import { flowSchema } from '../api/kinds/flowcontrol/flow-schema.js'
import { priorityLevelConfiguration } from '../api/kinds/flowcontrol/priority-level-configuration.js'
import type { FlowSchema, PriorityLevelConfiguration } from '../api/types/flowcontrol.js'
import type { User } from './authentication.js'
import type { AbandonSignal, ApiResponse, ResponseHeaders } from './exchange.js'
import { textResponse } from './exchange.js'
import { collectionPrefix, resourceId, resourceOfKind } from './keys.js'
import type { RegistryCache } from './registry-cache.js'
import { isTrue } from './request-info.js'
import type { RequestInfo, ResourceRequest } from './request-info.js'

export interface FlowControlOptions {
  readonly cache: RegistryCache
  readonly clock: Clock
  /** Of the server, to be shared out. */
  readonly seats: number
  /** Seconds that a request of a limited level waited, and whether it got a seat. */
  readonly onWaited: (schema: SchemaState, seconds: number, execute: boolean) => void
  readonly onExecuted: (schema: SchemaState, seconds: number) => void
}

/** A request's way through flow control. */
export interface FlowPass {
  readonly state: 'admitted' | 'waiting' | 'refused'
  /** Who it was held to be, on every answer. */
  readonly headers: ResponseHeaders
  /** Of one that waits: null once it may go on, else, after `msMax`, the refusal. To be called once. */
  wait(signal: AbandonSignal, msMax: number): Promise<ApiResponse | null>
  /** Of one that is refused. */
  refusal(): ApiResponse
  /** Of one that was admitted, at its end. To be called once. */
  leave(): void
}

const adjustMs = 10_000

/** Nothing is held against it, as against what goes on for long. */
export const freePass: FlowPass = {
  state: 'admitted',
  headers: {},
  wait: () => Promise.resolve(null),
  refusal: () => tooManyRequests(1),
  leave: () => {},
}

export class FlowControl {
  readonly #options: FlowControlOptions
  readonly #controller: FlowController
  readonly #waiters = new Map<FlowTicket, () => void>()
  readonly #retryAfter = new WeakMap<LevelState, RetryAfter>()
  readonly #headers = new WeakMap<SchemaState, ResponseHeaders>()
  readonly #stops: (() => void)[]
  readonly #ticker: Timer

  constructor(options: FlowControlOptions) {
    this.#options = options
    const { cache, clock, seats } = options
    this.#controller = new FlowController({ seats, hash: flowHash }, clock.monotonicMs())
    const configure = () => this.#configure()
    this.#stops = [flowSchema, priorityLevelConfiguration].map(kind =>
      cache.listen(resourceOfKind(kind), { onChange: configure, onReset: configure }),
    )
    this.#ticker = clock.setTicker(adjustMs, () => this.#adjust())
  }

  get controller(): FlowController {
    return this.#controller
  }

  stop(): void {
    this.#ticker.cancel()
    for (const stop of this.#stops) stop()
  }

  enter(user: User, info: RequestInfo): FlowPass {
    const { clock } = this.#options
    const controller = this.#controller
    const schema = controller.classify(user, info)
    const width = this.#widthOf(info, schema.level)
    const nowMs = clock.monotonicMs()
    const { ticket, arrival } = controller.arrive(schema, user, info, width, nowMs)
    const headers = this.#headersOf(schema)
    if (arrival === 'waiting') return new Pass(this, ticket, 'waiting', headers)
    const admitted = arrival === 'running'
    if (isLimited(schema)) this.#options.onWaited(schema, 0, admitted)
    return new Pass(this, ticket, admitted ? 'admitted' : 'refused', headers)
  }

  /** Resolves null once the ticket has a seat, else with the refusal. */
  wait(ticket: FlowTicket, signal: AbandonSignal, msMax: number): Promise<ApiResponse | null> {
    const { clock, onWaited } = this.#options
    const { schema } = ticket.owner
    if (ticket.state !== 'waiting') return Promise.resolve(null)
    return new Promise(resolve => {
      const waited = () => (clock.monotonicMs() - ticket.arrivedMs) / 1000
      const giveUp = (why: 'timedOut' | 'cancelled') => {
        if (!this.#waiters.delete(ticket)) return
        timer.cancel()
        onWaited(schema, waited(), false)
        this.#wake(this.#controller.cancel(ticket, why, clock.monotonicMs()))
        resolve(this.refusal(ticket))
      }
      const timer = clock.setTimer(msMax, () => giveUp('timedOut'))
      this.#waiters.set(ticket, () => {
        timer.cancel()
        onWaited(schema, waited(), true)
        resolve(null)
      })
      signal.onAbandon(() => giveUp('cancelled'))
    })
  }

  refusal(ticket: FlowTicket): ApiResponse {
    const { level } = ticket.owner.schema
    let retry = this.#retryAfter.get(level)
    if (retry === undefined) {
      retry = new RetryAfter()
      this.#retryAfter.set(level, retry)
    }
    return tooManyRequests(retry.dropped(Math.floor(this.#options.clock.monotonicMs() / 1000)))
  }

  leave(ticket: FlowTicket): void {
    const { clock, onExecuted } = this.#options
    const { schema } = ticket.owner
    const nowMs = clock.monotonicMs()
    if (isLimited(schema)) onExecuted(schema, (nowMs - ticket.startedMs) / 1000)
    this.#wake(this.#controller.finish(ticket, nowMs))
    if (ticket.state !== 'final') return
    clock.setTimer(ticket.width.finalMs, () =>
      this.#wake(this.#controller.settle(ticket, clock.monotonicMs())),
    )
  }

  #wake(started: readonly FlowTicket[]): void {
    for (const ticket of started) {
      const go = this.#waiters.get(ticket)
      this.#waiters.delete(ticket)
      // Who has not begun to wait yet will find out when it does.
      go?.()
    }
  }

  #adjust(): void {
    this.#wake(this.#controller.adjust(this.#options.clock.monotonicMs()))
  }

  #configure(): void {
    const { cache, clock } = this.#options
    const all = (plural: string) => {
      const id = resourceId(flowSchema.group, plural)
      return cache.resource(id).list(collectionPrefix(id, ''))
    }
    const schemas = all(flowSchema.plural).map(stored => stored.object as FlowSchema)
    const levels = all(priorityLevelConfiguration.plural).map(
      stored => stored.object as PriorityLevelConfiguration,
    )
    this.#wake(this.#controller.configure(schemas, levels, clock.monotonicMs()))
  }

  #widthOf(info: RequestInfo, level: LevelState): RequestWidth {
    // What nothing limits is as wide as it likes.
    if (info.kind === 'non-resource' || level.queues.seatsMax === Infinity) return narrow
    const max = widthMax(level.limits.nominal)
    const { verb, group, resource, query } = info
    if (verb === 'get') return narrow
    if (verb === 'list') return this.#listWidth(info, max)
    if (verb === 'watch') {
      return isTrue(query.get('sendInitialEvents')) ? this.#listWidth(info, max) : narrow
    }
    return writeWidth(this.#options.cache.listenerCount(resourceId(group, resource)), max)
  }

  #listWidth({ group, resource, query }: ResourceRequest, max: number): RequestWidth {
    const stored = this.#options.cache.resource(resourceId(group, resource)).size
    const fields = query.get('fieldSelector') ?? ''
    // One object by its name, though it is asked for as a list.
    if (fields.startsWith('metadata.name=')) return narrow
    const selective = fields !== '' || (query.get('labelSelector') ?? '') !== ''
    const limit = Number(query.get('limit') ?? 0)
    return listWidth(stored, limit > 0 ? limit : 0, selective, max)
  }

  #headersOf(schema: SchemaState): ResponseHeaders {
    const known = this.#headers.get(schema)
    if (known !== undefined) return known
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.uid,
      'x-kubernetes-pf-prioritylevel-uid': schema.level.uid,
    }
    // Before the objects have been read from the store nobody knows their ids.
    if (schema.uid !== '' && schema.level.uid !== '') this.#headers.set(schema, headers)
    return headers
  }
}

class Pass implements FlowPass {
  readonly #control: FlowControl
  readonly #ticket: FlowTicket
  readonly state: FlowPass['state']
  readonly headers: ResponseHeaders

  constructor(
    control: FlowControl,
    ticket: FlowTicket,
    state: FlowPass['state'],
    headers: ResponseHeaders,
  ) {
    this.#control = control
    this.#ticket = ticket
    this.state = state
    this.headers = headers
  }

  wait(signal: AbandonSignal, msMax: number): Promise<ApiResponse | null> {
    return this.#control.wait(this.#ticket, signal, msMax)
  }

  refusal(): ApiResponse {
    return this.#control.refusal(this.#ticket)
  }

  leave(): void {
    this.#control.leave(this.#ticket)
  }
}

function isLimited({ level }: SchemaState): boolean {
  return level.queues.seatsMax !== Infinity
}

/** Plain text, as with the original: clients make of the code and the header what they need. */
function tooManyRequests(retryAfterSeconds: number): ApiResponse {
  const response = textResponse(429, 'Too many requests, please try again later.\n')
  const headers = { ...response.headers, 'retry-after': String(retryAfterSeconds) }
  return { ...response, headers }
}
