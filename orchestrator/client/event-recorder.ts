// Events about objects, for `kubectl describe` and `kubectl get events`. Counterpart: client-go's
// record.EventRecorder. Events are hints: one is written at a time, no more a second than a bucket gives, so that a burst of
// work is not held up by the tale of it; what is beyond a limit is dropped and counted, never waited for.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { KubeObject } from '../api/object.js'
import type { Event } from '../api/types/core-event.js'
import type { ObjectReference } from '../api/types/core-reference.js'
import { isNamespaceTerminating, isNotFound } from './api-error.js'
import { type CorrelatedEvent, EventCorrelator, remember } from './event-correlator.js'
import { events } from './resources.js'
import type { ApiClient } from './rest-client.js'
import { formatTime } from './timestamps.js'
import { TransportError } from './transport.js'

export type EventType = 'Normal' | 'Warning'

export interface EventRecorderOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** As in "deployment-controller". */
  readonly component: string
  /** The node, for a kubelet. */
  readonly host?: string
}

/** Events that wait to be written. */
const queueMax = 5000
/** Writes at once, and a second once those are spent. */
const burst = 500
const writesPerSecond = 50

/** One Event, there or to come. */
interface Recorded {
  said: CorrelatedEvent
  /** Null until it is written. */
  name: string | null
  firstTimestamp: string
  lastTimestamp: string
  count: number
  /** Waits to be written. */
  queued: boolean
}

export class EventRecorder {
  private readonly options: EventRecorderOptions
  private readonly correlator = new EventCorrelator()
  /** By the correlator's key, so that repeats raise a count. */
  private readonly recorded = new Map<string, Recorded>()
  private readonly queue: Recorded[] = []
  private writing = false
  private dropped = 0
  private tokens = burst
  private tokensAtMs: number

  constructor(options: EventRecorderOptions) {
    this.options = options
    this.tokensAtMs = options.clock.monotonicMs()
  }

  /** Events that were not written because of a limit. */
  get droppedEvents(): number {
    return this.dropped
  }

  record(about: KubeObject, type: EventType, reason: string, message: string): void {
    this.recordFor(referenceTo(about), type, reason, message)
  }

  /** `about` may carry a fieldPath, as in "spec.containers{web}". */
  recordFor(about: ObjectReference, type: EventType, reason: string, message: string): void {
    const { clock } = this.options
    const observed = { about, type, reason, message }
    const said = this.correlator.correlate(observed, clock.monotonicMs())
    if (said === null) {
      this.dropped++
      return
    }
    const timestamp = formatTime(clock.wallMs())
    const known = this.recorded.get(said.key)
    if (known === undefined && this.queue.length >= queueMax) {
      this.dropped++
      return
    }
    const one = known ?? {
      said,
      name: null,
      firstTimestamp: timestamp,
      lastTimestamp: timestamp,
      count: 0,
      queued: false,
    }
    one.said = said
    one.count++
    one.lastTimestamp = timestamp
    remember(this.recorded, said.key, one)
    // One that waits is written once, with all that it has come to.
    if (!one.queued) this.enqueue(one)
  }

  private enqueue(one: Recorded): void {
    one.queued = true
    this.queue.push(one)
    if (this.writing) return
    this.writing = true
    void this.drain()
  }

  private async drain(): Promise<void> {
    for (let one = this.queue.shift(); one; one = this.queue.shift()) {
      await this.turn()
      one.queued = false
      try {
        await this.write(one)
      } catch (error) {
        // The term is over, and with it all that was to be said in it.
        if (error instanceof TransportError && error.code === 'api-cancelled') this.forgetWaiting()
        else if (!isNamespaceTerminating(error)) {
          this.options.logger.debug({ error: String(error) }, 'event not written')
        }
      }
    }
    this.writing = false
  }

  private forgetWaiting(): void {
    this.dropped += this.queue.length
    for (const one of this.queue.splice(0)) one.queued = false
  }

  /** Resolves once one more may be written. */
  private async turn(): Promise<void> {
    const { clock } = this.options
    const nowMs = clock.monotonicMs()
    const refilled = this.tokens + ((nowMs - this.tokensAtMs) * writesPerSecond) / 1000
    this.tokens = Math.min(burst, refilled) - 1
    this.tokensAtMs = nowMs
    if (this.tokens >= 0) return
    const waitMs = Math.ceil((-this.tokens * 1000) / writesPerSecond)
    await new Promise<void>(resolve => {
      clock.setTimer(waitMs, resolve)
    })
  }

  private async write(one: Recorded): Promise<void> {
    const { count, lastTimestamp, said, name } = one
    if (name === null) {
      await this.create(one)
      return
    }
    const { message } = said
    const at = { namespace: namespaceOf(said), name }
    try {
      await this.options.client.patch(events, at, 'merge', { count, lastTimestamp, message })
    } catch (error) {
      if (!isNotFound(error)) throw error
      // It has expired: what is told from now on is another one.
      one.count = 1
      one.firstTimestamp = lastTimestamp
      await this.create(one)
    }
  }

  private async create(one: Recorded): Promise<void> {
    const { clock, random } = this.options
    // Time in front keeps names of one object in order; the random part keeps them apart.
    const suffix = `${Math.floor(clock.wallMs()).toString(16)}${hex(random.integer(2 ** 20), 5)}`
    const name = `${one.said.about.name}.${suffix}`
    await this.options.client.create(events, this.eventOf(one, name))
    one.name = name
  }

  private eventOf({ said, firstTimestamp, lastTimestamp, count }: Recorded, name: string): Event {
    const { component, host } = this.options
    const { about, reason, message, type } = said
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: namespaceOf(said), name },
      involvedObject: about,
      reason,
      message,
      type,
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp,
      lastTimestamp,
      count,
      reportingComponent: component,
      reportingInstance: host ?? '',
    }
  }
}

function namespaceOf({ about }: CorrelatedEvent): string {
  return about.namespace || 'default'
}

/** An exact reference, as `involvedObject` and `targetRef` carry it. */
export function referenceTo(object: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
