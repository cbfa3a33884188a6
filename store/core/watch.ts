// Watching: one log of recent events that all watchers share, and a cursor each. Counterpart: etcd's
// watchableStore, whose synced, unsynced and victim groups are the position of a cursor here.
//
//   backend and write buffer (every revision not compacted) | recent log, under a byte budget
//              ^ a watcher far behind reads slices          ^ the others          ^ caught up: armed
//
// A watcher that is armed is woken, once, by the first event that concerns it; others are not looked
// at. Nothing is queued for a slow one.

import { assert } from '../../platform/errors.js'
import type { Ordinal } from './backend.js'
import { CompactedError, StoreError } from './errors.js'
import type { KeyIndex, KeyVersion } from './key-index.js'
import { type Bounds, boundsOf, contains, keyString } from './key-range.js'
import type { Watcher } from './replica.js'
import { type RowStore, rowBytes } from './row-store.js'
import type { KeyValue, Revision, WatchBatch, WatchEvent, WatchRequest } from './types.js'
import { WatchIndex } from './watch-index.js'

export interface WatchLimits {
  readonly logBytesMax: number
  readonly logEventsMax: number
  readonly watchesMax: number
  /** Rows of old history looked at in one `next`. */
  readonly historyRowsMax: number
}

export const watchLimitDefaults: WatchLimits = {
  logBytesMax: 64 * 1024 * 1024,
  logEventsMax: 200_000,
  watchesMax: 200_000,
  historyRowsMax: 2_000,
}

/** What a watch needs of the key-value state. */
export interface History {
  readonly revision: Revision
  readonly compactRevision: Revision
  readonly index: KeyIndex
  readonly rows: RowStore
}

interface LoggedEvent {
  readonly key: string
  readonly kv: KeyValue
  /** Row of the version before; 0 when there was none. */
  readonly previous: Ordinal
  /** Of the budget, the version before included once it has been read. */
  bytes: number
  plain: WatchEvent | null
  withPrevious: WatchEvent | null
}

export class WatchLog {
  #history: History
  readonly #limits: WatchLimits
  readonly #watchers = new WatchIndex<Cursor>()
  #watcherCount = 0
  #events: LoggedEvent[] = []
  /** `#events` before it are gone. */
  #head = 0
  #bytes = 0
  /** All events of this revision and later ones stand in the log. */
  #firstRevision: Revision
  #ready: Cursor[] = []

  constructor(history: History, limits: WatchLimits) {
    this.#history = history
    this.#limits = limits
    this.#firstRevision = history.revision + 1
  }

  get watcherCount(): number {
    return this.#watcherCount
  }

  get history(): History {
    return this.#history
  }

  get limits(): WatchLimits {
    return this.#limits
  }

  get firstRevision(): Revision {
    return this.#firstRevision
  }

  open(request: WatchRequest, onReadable: () => void): Watcher {
    if (request.key.length === 0) throw new StoreError('key-empty')
    if (this.#watcherCount >= this.#limits.watchesMax) throw new StoreError('too-many-watches')
    const cursor = new Cursor(this, request, onReadable)
    this.#watchers.add(cursor.bounds, cursor)
    this.#watcherCount++
    return cursor
  }

  forget(cursor: Cursor): void {
    this.#watchers.remove(cursor.bounds, cursor)
    this.#watcherCount--
  }

  /** From apply, in order. */
  append(key: string, kv: KeyValue, previous: Ordinal): void {
    const bytes = rowBytes(kv)
    this.#events.push({ key, kv, previous, bytes, plain: null, withPrevious: null })
    this.#bytes += bytes
    this.#watchers.visit(key, cursor => {
      if (cursor.wake(kv)) this.#ready.push(cursor)
    })
    const count = this.#events.length - this.#head
    if (this.#bytes > this.#limits.logBytesMax || count > this.#limits.logEventsMax) this.#trim()
  }

  /** Tells those woken since the last call. */
  publish(): void {
    if (this.#ready.length === 0) return
    const ready = this.#ready
    this.#ready = []
    for (const cursor of ready) cursor.notify()
  }

  /** Another state took the place of this one: the log starts anew, cursors go on in it. */
  replace(history: History): void {
    const revisionBefore = this.#history.revision
    this.#events = []
    this.#head = 0
    this.#bytes = 0
    this.#history = history
    this.#firstRevision = history.revision + 1
    this.#watchers.visitAll(cursor => {
      if (cursor.resume(revisionBefore)) this.#ready.push(cursor)
    })
  }

  /** Goes down to three quarters, by whole revisions, so that trimming is rare. */
  #trim(): void {
    const bytesGoal = this.#limits.logBytesMax * 0.75
    const countGoal = this.#limits.logEventsMax * 0.75
    while (
      this.#head < this.#events.length &&
      (this.#bytes > bytesGoal || this.#events.length - this.#head > countGoal)
    ) {
      const { kv, bytes } = this.#events[this.#head] as LoggedEvent
      this.#bytes -= bytes
      this.#head++
      this.#firstRevision = kv.modRevision + 1
    }
    this.#events = this.#events.slice(this.#head)
    this.#head = 0
  }

  /** Position of the first event at or behind `revision`. */
  #positionOf(revision: Revision): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle] as LoggedEvent).kv.modRevision < revision) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whole revisions from `from` on; answers the first revision not looked at. */
  takeRecent(from: Revision, cursor: Cursor, into: WatchEvent[], bytesMax: number): Revision {
    assert(from >= this.#firstRevision, 'the recent log reaches back that far')
    let bytes = 0
    let revision = from
    for (let at = this.#positionOf(from); at < this.#events.length; at++) {
      const event = this.#events[at] as LoggedEvent
      if (event.kv.modRevision !== revision) {
        revision = event.kv.modRevision
        if (into.length > 0 && bytes >= bytesMax) return revision
      }
      if (!cursor.wants(event.kv) || !contains(cursor.bounds, event.key)) continue
      into.push(cursor.prevKv ? this.#withPrevious(event) : plainEvent(event))
      bytes += rowBytes(event.kv)
    }
    return this.#history.revision + 1
  }

  #withPrevious(event: LoggedEvent): WatchEvent {
    if (event.previous === 0) return plainEvent(event)
    if (event.withPrevious !== null) return event.withPrevious
    const before = this.#history.rows.find(event.previous)
    if (before !== null) {
      event.bytes += rowBytes(before)
      this.#bytes += rowBytes(before)
    }
    event.withPrevious = watchEvent(event.kv, before)
    return event.withPrevious
  }
}

function plainEvent(event: LoggedEvent): WatchEvent {
  event.plain ??= watchEvent(event.kv, null)
  return event.plain
}

function watchEvent(kv: KeyValue, prevKv: KeyValue | null): WatchEvent {
  return { kind: kv.version > 0 ? 'put' : 'delete', kv, prevKv }
}

/** One watcher. `#from` is the lowest revision of which it may not have seen everything. */
class Cursor implements Watcher {
  readonly bounds: Bounds
  readonly prevKv: boolean
  readonly #noPut: boolean
  readonly #noDelete: boolean
  readonly #log: WatchLog
  readonly #onReadable: () => void
  #from: Revision
  /** Row at which `#from` starts, where history is being read; 0: to be looked for. */
  #row: Ordinal = 0
  /** Caught up, and to be woken by the next event that concerns it. */
  #armed = false
  #closed = false
  /** Who asks for compacted history is told so, even where the log happens to hold it still. */
  readonly #startedBehind: Revision | null

  constructor(log: WatchLog, request: WatchRequest, onReadable: () => void) {
    this.#log = log
    this.bounds = boundsOf(request)
    this.prevKv = request.prevKv === true
    this.#noPut = request.noPut === true
    this.#noDelete = request.noDelete === true
    this.#onReadable = onReadable
    const start = request.startRevision ?? 0
    this.#from = start > 0 ? start : log.history.revision + 1
    const { compactRevision } = log.history
    this.#startedBehind = start > 0 && start < compactRevision ? compactRevision : null
  }

  get nextRevision(): Revision {
    return this.#armed ? Math.max(this.#from, this.#log.history.revision + 1) : this.#from
  }

  wants(kv: KeyValue): boolean {
    return kv.version > 0 ? !this.#noPut : !this.#noDelete
  }

  /** True when it was asleep and this event concerns it; all before did not. */
  wake(kv: KeyValue): boolean {
    if (!this.#armed || kv.modRevision < this.#from || !this.wants(kv)) return false
    this.#armed = false
    this.#from = kv.modRevision
    return true
  }

  /** The log was replaced; true when it has to be told. */
  resume(revisionBefore: Revision): boolean {
    const wasArmed = this.#armed
    if (wasArmed) this.#from = Math.max(this.#from, revisionBefore + 1)
    this.#armed = false
    this.#row = 0
    return wasArmed
  }

  notify(): void {
    if (!this.#closed) this.#onReadable()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#armed = false
    this.#log.forget(this)
  }

  progress(): WatchBatch | null {
    const { revision } = this.#log.history
    if (this.#closed || this.#from > revision + 1) return null
    if (!this.#armed && this.#from <= revision) return null
    return { revision, events: [] }
  }

  next(eventsBytesMax: number): WatchBatch | null {
    if (this.#closed || this.#armed) return null
    if (this.#startedBehind !== null) throw new CompactedError(this.#startedBehind)
    const { revision } = this.#log.history
    const events: WatchEvent[] = []
    if (this.#from <= revision && this.#from < this.#log.firstRevision) {
      if (!this.#takeHistory(events, eventsBytesMax) || events.length > 0) {
        return { revision: this.#from - 1, events }
      }
    }
    if (this.#from <= revision) {
      this.#from = this.#log.takeRecent(this.#from, this, events, eventsBytesMax)
      if (events.length > 0) return { revision: this.#from - 1, events }
    }
    this.#armed = true
    return null
  }

  /** True when it has reached the recent log. */
  #takeHistory(into: WatchEvent[], bytesMax: number): boolean {
    const { compactRevision } = this.#log.history
    if (this.#from < compactRevision) throw new CompactedError(compactRevision)
    const reached = this.bounds.single
      ? this.#takeVersions(into, bytesMax)
      : this.#takeRows(into, bytesMax)
    if (reached) {
      this.#from = this.#log.firstRevision
      this.#row = 0
    }
    return reached
  }

  /** One key: its own history says where its rows are. */
  #takeVersions(into: WatchEvent[], bytesMax: number): boolean {
    const { index, rows } = this.#log.history
    const entry = index.get(this.bounds.start)
    if (entry === undefined) return true
    const count = entry.olderCount + 1
    let bytes = 0
    for (let position = 0; position < count; position++) {
      const version = position < count - 1 ? entry.olderVersion(position) : entry
      if (version.modRevision < this.#from) continue
      if (version.modRevision >= this.#log.firstRevision) return true
      if (into.length > 0 && bytes >= bytesMax) {
        this.#from = version.modRevision
        return false
      }
      const kv = rows.read(version.ordinal)
      if (!this.wants(kv)) continue
      into.push(watchEvent(kv, this.prevKv ? this.#previousOf(kv) : null))
      bytes += rowBytes(kv)
    }
    return true
  }

  /** A range: rows in order, whole revisions, a slice at a time. */
  #takeRows(into: WatchEvent[], bytesMax: number): boolean {
    const { rows } = this.#log.history
    const { historyRowsMax } = this.#log.limits
    if (this.#row === 0) this.#row = rows.firstAtRevision(this.#from)
    let looked = 0
    let bytes = 0
    let revision = this.#from
    for (;;) {
      const slice = rows.readFrom(this.#row, 256, 1024 * 1024)
      if (slice.length === 0) return true
      for (const { ordinal, kv } of slice) {
        if (kv.modRevision >= this.#log.firstRevision) return true
        if (kv.modRevision !== revision) {
          revision = kv.modRevision
          if (looked >= historyRowsMax || (into.length > 0 && bytes >= bytesMax)) {
            this.#from = revision
            this.#row = ordinal
            return false
          }
        }
        looked++
        this.#row = ordinal + 1
        if (!this.wants(kv) || !contains(this.bounds, keyString(kv.key))) continue
        into.push(watchEvent(kv, this.prevKv ? this.#previousOf(kv) : null))
        bytes += rowBytes(kv)
      }
    }
  }

  #previousOf(kv: KeyValue): KeyValue | null {
    const { index, rows, compactRevision } = this.#log.history
    // What stood before the compaction is not to be had, whether its row has gone already or not.
    if (kv.modRevision <= compactRevision) return null
    const before: KeyVersion | null = index.get(keyString(kv.key))?.at(kv.modRevision - 1) ?? null
    return before === null || before.version === 0 ? null : rows.read(before.ordinal)
  }
}
