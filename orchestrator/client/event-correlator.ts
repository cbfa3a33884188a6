// Which events are the same one again, which are told of together, and which are too many. Pure. Counterpart: client-go's
// EventCorrelator, with its limits.

import type { ObjectReference } from '../api/types/core-reference.js'

export interface ObservedEvent {
  readonly about: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** What is written of an event: all that have the key are one Event, whose message is the newest. */
export interface CorrelatedEvent extends ObservedEvent {
  readonly key: string
}

/** Events about one object that differ in nothing but the message; with so many they become one. */
const similarMax = 10
const similarWithinMs = 600_000
const combined = '(combined from similar events): '
/** Events one object may cause at once, and how long until it may cause one more. */
const burstPerObject = 25
const refillMs = 300_000
/** Objects, and kinds of events, that are remembered. */
const rememberedMax = 4096
const messageCharsMax = 1024

interface Similar {
  readonly messages: Set<string>
  lastMs: number
}

interface Budget {
  tokens: number
  atMs: number
}

export class EventCorrelator {
  readonly #similar = new Map<string, Similar>()
  readonly #budgets = new Map<string, Budget>()

  /** Null for one too many. `nowMs` never goes back. */
  correlate(event: ObservedEvent, nowMs: number): CorrelatedEvent | null {
    const { about, type, reason } = event
    if (!this.#allowed(about, nowMs)) return null
    const message = event.message.slice(0, messageCharsMax)
    const identity = [about.kind, about.namespace, about.name, about.uid, about.fieldPath]
    const kind = JSON.stringify([...identity, type, reason])
    if (this.#areMany(kind, message, nowMs)) {
      return { ...event, key: kind, message: (combined + message).slice(0, messageCharsMax) }
    }
    return { ...event, key: JSON.stringify([...identity, type, reason, message]), message }
  }

  #areMany(kind: string, message: string, nowMs: number): boolean {
    let similar = this.#similar.get(kind)
    if (similar === undefined || nowMs - similar.lastMs > similarWithinMs) {
      similar = { messages: new Set(), lastMs: nowMs }
    }
    similar.lastMs = nowMs
    remember(this.#similar, kind, similar)
    const { messages } = similar
    messages.add(message)
    if (messages.size < similarMax) return false
    // The newest need not be kept: it is told of with the others.
    messages.delete(message)
    return true
  }

  /** Spends from the object's budget, which refills slowly. */
  #allowed(about: ObjectReference, nowMs: number): boolean {
    const key = about.uid ?? `${about.kind}/${about.namespace}/${about.name}`
    const budget = this.#budgets.get(key) ?? { tokens: burstPerObject, atMs: nowMs }
    budget.tokens = Math.min(burstPerObject, budget.tokens + (nowMs - budget.atMs) / refillMs)
    budget.atMs = nowMs
    remember(this.#budgets, key, budget)
    if (budget.tokens < 1) return false
    budget.tokens--
    return true
  }
}

/** As the newest; the oldest is forgotten for it where there are too many. */
export function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= rememberedMax) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
