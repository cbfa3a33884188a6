// Events about objects, for `kubectl describe` and `kubectl get events`. Counterpart: client-go's
// record.EventRecorder with its aggregating correlator. Events are hints: when the server is slow
// or one object talks too much they are dropped and counted, never waited for.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { KubeObject } from '../api/object.js'
import type { Event } from '../api/types/core-event.js'
import type { ObjectReference } from '../api/types/core-reference.js'
import { isNamespaceTerminating, isNotFound } from './api-error.js'
import { events } from './resources.js'
import type { ApiClient } from './rest-client.js'
import { formatTime } from './timestamps.js'

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
const queueMax = 1000
/** Different events remembered, so that repeats raise a count. */
const rememberedMax = 4096
/** Events one object may cause at once, and how long until it may cause one more. */
const burstPerObject = 25
const refillMs = 300_000

interface Remembered {
  readonly namespace: string
  readonly name: string
  readonly firstTimestamp: string
  count: number
}

interface Budget {
  tokens: number
  atMs: number
}

export class EventRecorder {
  private readonly options: EventRecorderOptions
  private readonly remembered = new Map<string, Remembered>()
  private readonly budgets = new Map<string, Budget>()
  private readonly queue: (() => Promise<void>)[] = []
  private writing = false
  private dropped = 0

  constructor(options: EventRecorderOptions) {
    this.options = options
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
    if (this.queue.length >= queueMax || !this.allowed(about)) {
      this.dropped++
      return
    }
    const timestamp = formatTime(this.options.clock.wallMs())
    const identity = [about.kind, about.namespace, about.name, about.uid, about.fieldPath]
    const key = JSON.stringify([...identity, type, reason, message])
    const known = this.remembered.get(key)
    if (known) {
      known.count++
      const { count } = known
      this.enqueue(() => this.raise(known, count, timestamp, key, about, type, reason, message))
      return
    }
    const event = this.eventOf(about, type, reason, message, timestamp)
    this.remember(key, event)
    this.enqueue(() => this.create(event))
  }

  private eventOf(
    about: ObjectReference,
    type: EventType,
    reason: string,
    message: string,
    timestamp: string,
  ): Event {
    const { component, host, clock, random } = this.options
    // Time in front keeps names of one object in order; the random part keeps them apart.
    const suffix = `${Math.floor(clock.wallMs()).toString(16)}${hex(random.integer(2 ** 20), 5)}`
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: about.namespace || 'default', name: `${about.name}.${suffix}` },
      involvedObject: about,
      reason,
      message: message.slice(0, 1024),
      type,
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: timestamp,
      lastTimestamp: timestamp,
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    }
  }

  private remember(key: string, event: Event): void {
    const { namespace = 'default', name = '' } = event.metadata
    const firstTimestamp = event.firstTimestamp ?? ''
    this.remembered.set(key, { namespace, name, firstTimestamp, count: 1 })
    forgetOldest(this.remembered, rememberedMax)
  }

  /** Spends from the object's budget, which refills slowly. */
  private allowed(about: ObjectReference): boolean {
    const nowMs = this.options.clock.monotonicMs()
    const key = about.uid ?? `${about.kind}/${about.namespace}/${about.name}`
    const budget = this.budgets.get(key) ?? { tokens: burstPerObject, atMs: nowMs }
    budget.tokens = Math.min(burstPerObject, budget.tokens + (nowMs - budget.atMs) / refillMs)
    budget.atMs = nowMs
    this.budgets.delete(key)
    this.budgets.set(key, budget)
    forgetOldest(this.budgets, rememberedMax)
    if (budget.tokens < 1) return false
    budget.tokens--
    return true
  }

  private enqueue(write: () => Promise<void>): void {
    this.queue.push(write)
    if (this.writing) return
    this.writing = true
    void this.drain()
  }

  private async drain(): Promise<void> {
    for (let write = this.queue.shift(); write; write = this.queue.shift()) {
      try {
        await write()
      } catch (error) {
        if (!isNamespaceTerminating(error)) {
          this.options.logger.debug({ error: String(error) }, 'event not written')
        }
      }
    }
    this.writing = false
  }

  private async create(event: Event): Promise<void> {
    await this.options.client.create(events, event)
  }

  private async raise(
    known: Remembered,
    count: number,
    lastTimestamp: string,
    key: string,
    about: ObjectReference,
    type: EventType,
    reason: string,
    message: string,
  ): Promise<void> {
    try {
      await this.options.client.patch(events, known, 'merge', { count, lastTimestamp })
    } catch (error) {
      if (!isNotFound(error)) throw error
      const event = this.eventOf(about, type, reason, message, lastTimestamp)
      this.remember(key, event)
      await this.create(event)
    }
  }
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

function forgetOldest<V>(map: Map<string, V>, sizeMax: number): void {
  if (map.size <= sizeMax) return
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
