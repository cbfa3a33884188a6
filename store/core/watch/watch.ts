// Watching: one log of recent events that all watchers share, and a cursor each. Counterpart: etcd's
// watchableStore, whose synced, unsynced and victim groups are the position of a cursor here.
//
//   backend and write buffer (every revision not compacted) | recent log, under a byte budget
//              ^ those behind read pieces of it                    ^ and go on here   ^ following
//
// An event is looked at for those that follow and whose ranges hold its key, and for no other. What
// waits for a slow watcher is a place in the order of rows.

import { StoreError } from '../errors.js'
import { EventLog, type LoggedEvent } from './event-log.js'
import { boundsOf, isEmpty, watchedRanges } from '../key-range.js'
import type { Kv } from '../kv.js'
import { rangesPerWatchMax } from '../limits.js'
import type { Ordinal } from '../backend.js'
import type { Watcher } from '../replica.js'
import type { KeyValue, Revision, WatchRequest } from '../types.js'
import { Cursor, type WatchGround } from './watch-cursor.js'
import { WatchHistory } from './watch-history.js'
import { WatchIndex } from './watch-index.js'

export interface WatchLimits {
  readonly logBytesMax: number
  readonly logEventsMax: number
  /** Of all watches, their ranges counted. */
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

export class WatchLog implements WatchGround {
  kv: Kv
  log: EventLog
  history: WatchHistory
  readonly historyRowsMax: number
  readonly #limits: WatchLimits
  readonly #cursors = new Set<Cursor>()
  readonly #following = new WatchIndex<Cursor>()
  #ranges = 0
  #prevKvCursors = 0
  #ready: Cursor[] = []
  /** Events of a revision that is not finished stand in the log: nobody is told of any. */
  held = false
  /** Those that asked meanwhile. */
  readonly #waiting = new Set<Cursor>()
  readonly #overflowing: Cursor[] = []
  /** Those that a compaction is about to take the version before from, by its row. */
  #losing: { readonly revision: Revision; readonly events: Map<Ordinal, LoggedEvent> } | null = null

  constructor(kv: Kv, limits: WatchLimits) {
    this.#limits = limits
    this.historyRowsMax = limits.historyRowsMax
    this.kv = kv
    this.log = this.#makeLog(kv)
    this.history = new WatchHistory(kv.rows)
  }

  get watcherCount(): number {
    return this.#cursors.size
  }

  /** Of those that have still to catch up. */
  get slowWatcherCount(): number {
    let count = 0
    for (const cursor of this.#cursors) if (cursor.behind) count++
    return count
  }

  open(request: WatchRequest, onReadable: () => void): Watcher {
    const ranges = watchedRanges(request)
    if (ranges.length > rangesPerWatchMax) throw new StoreError('too-many-ranges')
    for (const range of ranges) {
      if (range.key.length === 0) throw new StoreError('key-empty')
      if (isEmpty(boundsOf(range))) throw new StoreError('empty-watch-range')
    }
    if (this.#ranges + ranges.length > this.#limits.watchesMax) {
      throw new StoreError('too-many-watches')
    }
    const cursor = new Cursor(this, request, onReadable)
    this.#cursors.add(cursor)
    this.#ranges += cursor.keys.parts.length
    if (cursor.prevKv) this.#prevKvCursors++
    return cursor
  }

  follow(cursor: Cursor): void {
    for (const part of cursor.keys.parts) this.#following.add(part, cursor)
  }

  unfollow(cursor: Cursor): void {
    for (const part of cursor.keys.parts) this.#following.remove(part, cursor)
  }

  closed(cursor: Cursor): void {
    this.#cursors.delete(cursor)
    this.#waiting.delete(cursor)
    this.#ranges -= cursor.keys.parts.length
    if (cursor.prevKv) this.#prevKvCursors--
  }

  /** From apply, in order. */
  append(key: string, kv: KeyValue, previous: Ordinal): void {
    const event = this.log.append(key, kv, previous)
    this.#following.visit(key, cursor => {
      const told = cursor.note(event)
      if (told === 'woken') this.#ready.push(cursor)
      else if (told === 'overflow') this.#overflowing.push(cursor)
    })
    // Not while the index is being looked through.
    for (const cursor of this.#overflowing) cursor.fallBehind()
    this.#overflowing.length = 0
  }

  /** Until the next `publish`. */
  hold(): void {
    this.held = true
  }

  wakeLater(cursor: Cursor): void {
    this.#waiting.add(cursor)
  }

  /** Tells those woken since the last call. */
  publish(): void {
    if (this.held) this.#release()
    if (this.#ready.length === 0) return
    const ready = this.#ready
    this.#ready = []
    for (const cursor of ready) cursor.notify()
  }

  #release(): void {
    this.held = false
    this.#ready.push(...this.#waiting)
    this.#waiting.clear()
  }

  /** Before rows are deleted that watchers in the log may still ask for. */
  dropping(ordinals: readonly Ordinal[]): void {
    if (this.#prevKvCursors === 0) return
    const { compactRevision } = this.kv
    if (this.#losing?.revision !== compactRevision) {
      this.#losing = { revision: compactRevision, events: this.log.byPrevious(compactRevision) }
    }
    const { events } = this.#losing
    for (const ordinal of ordinals) {
      const event = events.get(ordinal)
      if (event !== undefined) this.log.withPrevious(event)
    }
  }

  /** Another state took the place of this one: the log starts anew, cursors go on in it. */
  replace(kv: Kv): void {
    for (const cursor of this.#cursors) if (cursor.leaveState()) this.#ready.push(cursor)
    this.kv = kv
    this.log = this.#makeLog(kv)
    this.history = new WatchHistory(kv.rows)
    this.#losing = null
  }

  #makeLog({ rows, revision }: Kv): EventLog {
    const { logBytesMax, logEventsMax } = this.#limits
    return new EventLog(rows, revision, logBytesMax, logEventsMax)
  }
}
