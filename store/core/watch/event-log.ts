// The recent events, once for all watchers, in the order of their rows, under a budget of bytes. What
// is older stands in the rows (watch-history.ts). Counterpart in etcd: none; its watchers have a
// channel each, filled by the writer.

import { assert, must } from '../../../platform/errors.js'
import type { Ordinal } from '../backend.js'
import { type RowStore, rowBytes } from '../row-store.js'
import type { KeyValue, Revision, WatchEvent } from '../types.js'

/** What an event costs beside its row: its own objects and its place. */
const eventOverheadBytes = 200

export interface LoggedEvent {
  readonly key: string
  readonly ordinal: Ordinal
  readonly kv: KeyValue
  /** Row of the live version before; 0 when there was none. */
  readonly previous: Ordinal
  /** Shared by all watchers, so that it is encoded once. Made when first asked for. */
  plain: WatchEvent | null
  withPrevious: WatchEvent | null
}

export class EventLog {
  readonly #rows: RowStore
  readonly #bytesMax: number
  readonly #eventsMax: number
  #events: LoggedEvent[] = []
  #bytes = 0
  #firstOrdinal: Ordinal
  #firstRevision: Revision

  constructor(rows: RowStore, revision: Revision, bytesMax: number, eventsMax: number) {
    this.#rows = rows
    this.#bytesMax = bytesMax
    this.#eventsMax = eventsMax
    this.#firstOrdinal = rows.lastOrdinal + 1
    this.#firstRevision = revision + 1
  }

  /** All rows from this one on stand in the log. */
  get firstOrdinal(): Ordinal {
    return this.#firstOrdinal
  }

  /** All events of this revision and later ones stand in the log. */
  get firstRevision(): Revision {
    return this.#firstRevision
  }

  get endOrdinal(): Ordinal {
    return this.#firstOrdinal + this.#events.length
  }

  get bytes(): number {
    return this.#bytes
  }

  append(key: string, kv: KeyValue, previous: Ordinal): LoggedEvent {
    const ordinal = this.endOrdinal
    assert(ordinal === this.#rows.lastOrdinal, 'every row is an event')
    const event = { key, ordinal, kv, previous, plain: null, withPrevious: null }
    this.#events.push(event)
    this.#bytes += rowBytes(kv) + eventOverheadBytes
    if (this.#bytes > this.#bytesMax || this.#events.length > this.#eventsMax) this.#trim()
    return event
  }

  at(ordinal: Ordinal): LoggedEvent {
    return must(this.#events[ordinal - this.#firstOrdinal], 'an event of the log')
  }

  /** First event at or behind `revision`. */
  ordinalOf(revision: Revision): Ordinal {
    assert(revision >= this.#firstRevision, 'the log reaches back that far')
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (must(this.#events[middle], 'an event').kv.modRevision < revision) low = middle + 1
      else high = middle
    }
    return this.#firstOrdinal + low
  }

  plain(event: LoggedEvent): WatchEvent {
    event.plain ??= watchEvent(event.kv, null)
    return event.plain
  }

  withPrevious(event: LoggedEvent): WatchEvent {
    if (event.withPrevious !== null) return event.withPrevious
    const before = event.previous === 0 ? null : this.#rows.find(event.previous)
    if (before === null) return this.plain(event)
    this.#bytes += rowBytes(before)
    event.withPrevious = watchEvent(event.kv, before)
    return event.withPrevious
  }

  /** Events up to and with `revision`, by the row of the version before, where it is not read yet. */
  byPrevious(revision: Revision): Map<Ordinal, LoggedEvent> {
    const events = new Map<Ordinal, LoggedEvent>()
    for (const event of this.#events) {
      if (event.kv.modRevision > revision) break
      if (event.previous !== 0 && event.withPrevious === null) events.set(event.previous, event)
    }
    return events
  }

  /** Goes down to three quarters, so that trimming is rare. */
  #trim(): void {
    const bytesGoal = this.#bytesMax * 0.75
    const countGoal = this.#eventsMax * 0.75
    let gone = 0
    while (this.#bytes > bytesGoal || this.#events.length - gone > countGoal) {
      const event = must(this.#events[gone], 'bytes are of events')
      this.#bytes -= costOf(event)
      this.#firstRevision = event.kv.modRevision + 1
      gone++
    }
    this.#events = this.#events.slice(gone)
    this.#firstOrdinal += gone
  }
}

function costOf({ kv, withPrevious }: LoggedEvent): number {
  const before = withPrevious?.prevKv ?? null
  return rowBytes(kv) + eventOverheadBytes + (before === null ? 0 : rowBytes(before))
}

export function watchEvent(kv: KeyValue, prevKv: KeyValue | null): WatchEvent {
  return { kind: kv.version > 0 ? 'put' : 'delete', kv, prevKv }
}
