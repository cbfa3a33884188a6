// One watcher: a place in the order of all rows, before which everything that concerns it has been
// delivered. Counterpart: a watcher of etcd in its synced or unsynced group.
//
//   following  in the index of watches: the log tells it of every event that concerns it, and it
//              remembers which, up to a few. Nothing else has to be looked at.
//   behind     not in the index, and costs writers nothing: it walks history and then the log, from
//              its place on, until it has caught up with the end and follows again.

import { assert } from '../../../platform/errors.js'
import type { Ordinal } from '../backend.js'
import { CompactedError } from '../errors.js'
import type { EventLog, LoggedEvent } from './event-log.js'
import { watchEvent } from './event-log.js'
import { KeySet, keyString, watchedRanges } from '../key-range.js'
import type { Kv } from '../kv.js'
import type { Watcher } from '../replica.js'
import { rowBytes } from '../row-store.js'
import type { KeyValue, Revision, WatchBatch, WatchEvent, WatchRequest } from '../types.js'
import type { PastEvent, WatchHistory } from './watch-history.js'

/** Events that one that follows remembers; with more it falls behind. */
const dueMax = 64
/** Events looked at in one `next`, whether they concern the watcher or not. */
const walkMax = 10_000

/** What cursors need of what they point into. */
export interface WatchGround {
  readonly kv: Pick<Kv, 'revision' | 'compactRevision' | 'index' | 'rows' | 'counts'>
  readonly log: EventLog
  readonly history: WatchHistory
  /** Rows of old history looked at in one `next`. */
  readonly historyRowsMax: number
  /** From now on it is told of what concerns it. */
  follow(cursor: Cursor): void
  unfollow(cursor: Cursor): void
  /** Nothing can be told just now; `wakeLater` for when it can. */
  readonly held: boolean
  wakeLater(cursor: Cursor): void
  closed(cursor: Cursor): void
}

export class Cursor implements Watcher {
  readonly keys: KeySet
  readonly prevKv: boolean
  readonly #noPut: boolean
  readonly #noDelete: boolean
  readonly #ground: WatchGround
  readonly #onReadable: () => void
  /** The lowest revision of which it may not have delivered everything. */
  #from: Revision
  /** All rows before this one that concern it have been delivered; 0: to be found by `#from`. */
  #place: Ordinal = 0
  #following = false
  /** Of one that follows: every event that concerns it and was not delivered, in order. */
  #due: Ordinal[] = []
  #closed = false
  /** Who asks for compacted history is told so, even where the log happens to hold it still. */
  readonly #startedBehind: boolean

  constructor(ground: WatchGround, request: WatchRequest, onReadable: () => void) {
    this.#ground = ground
    this.keys = new KeySet(watchedRanges(request))
    this.prevKv = request.prevKv === true
    this.#noPut = request.noPut === true
    this.#noDelete = request.noDelete === true
    this.#onReadable = onReadable
    const start = request.startRevision ?? 0
    const { revision, compactRevision } = ground.kv
    this.#from = start > 0 ? start : revision + 1
    this.#startedBehind = start > 0 && start < compactRevision
  }

  get nextRevision(): Revision {
    if (!this.#following || this.#due.length > 0) return this.#from
    return Math.max(this.#from, this.#ground.kv.revision + 1)
  }

  progress(atLeast: Revision): Revision | null {
    if (this.#closed || this.#from > this.#ground.kv.revision + 1) return null
    const delivered = this.nextRevision - 1
    return delivered >= atLeast ? delivered : null
  }

  /** An event of its keys, while it follows. */
  note({ ordinal, kv }: LoggedEvent): 'passed' | 'woken' | 'noted' | 'overflow' {
    assert(this.#following, 'only those that follow are told')
    if (kv.modRevision < this.#from || !this.#wants(kv)) return 'passed'
    if (this.#due.length >= dueMax) return 'overflow'
    this.#due.push(ordinal)
    if (this.#due.length > 1) return 'noted'
    this.#from = kv.modRevision
    return 'woken'
  }

  /** Back to walking from what was not delivered. */
  fallBehind(): void {
    assert(this.#following, 'only those that follow fall behind')
    this.#following = false
    this.#place = this.#due[0] ?? this.#ground.log.endOrdinal
    this.#due = []
    this.#ground.unfollow(this)
  }

  /** Another state takes the place of this one, with equal rows; true when it has to be told. */
  leaveState(): boolean {
    if (!this.#following) return false
    const slept = this.#due.length === 0
    if (slept) this.#from = this.nextRevision
    this.fallBehind()
    return slept
  }

  notify(): void {
    if (!this.#closed) this.#onReadable()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#following) this.fallBehind()
    this.#ground.closed(this)
  }

  /** What it has to tell is not what has happened just now. */
  get behind(): boolean {
    return !this.#following && this.#from <= this.#ground.kv.revision
  }

  next(eventsBytesMax: number, fragments = false): WatchBatch | null {
    const batch = this.#next(eventsBytesMax, fragments)
    if (batch !== null) this.#ground.kv.counts.events += batch.events.length
    return batch
  }

  #next(eventsBytesMax: number, fragments: boolean): WatchBatch | null {
    if (this.#closed) return null
    if (this.#ground.held) {
      this.#ground.wakeLater(this)
      return null
    }
    if (this.#startedBehind) throw new CompactedError(this.#ground.kv.compactRevision)
    const batch = new Batch(eventsBytesMax, fragments)
    if (this.#following) {
      const [first] = this.#due
      if (first === undefined) return null
      if (first >= this.#ground.log.firstOrdinal) return this.#takeDue(batch)
      this.fallBehind()
    }
    return this.#walk(batch)
  }

  #wants(kv: KeyValue): boolean {
    return kv.version > 0 ? !this.#noPut : !this.#noDelete
  }

  #takeDue(batch: Batch): WatchBatch {
    const { log, kv } = this.#ground
    let taken = 0
    for (const ordinal of this.#due) {
      const event = log.at(ordinal)
      if (batch.fullBefore(event.kv.modRevision)) {
        this.#from = event.kv.modRevision
        break
      }
      batch.add(this.prevKv ? log.withPrevious(event) : log.plain(event))
      taken++
    }
    if (taken < this.#due.length) {
      this.#due = this.#due.slice(taken)
      return batch.cutBefore(this.#from)
    }
    this.#due = []
    this.#from = kv.revision + 1
    return batch.end(kv.revision)
  }

  #walk(batch: Batch): WatchBatch | null {
    const { log, kv } = this.#ground
    if (this.#from <= kv.revision) {
      if (this.#place === 0) this.#place = this.#findPlace()
      const reached = this.#place >= log.firstOrdinal || this.#walkHistory(batch)
      if (!reached || !this.#walkLog(batch)) return batch.cutBefore(this.#from)
    }
    this.#following = true
    this.#from = Math.max(this.#from, kv.revision + 1)
    this.#ground.follow(this)
    return batch.empty ? null : batch.end(kv.revision)
  }

  #findPlace(): Ordinal {
    const { log, kv } = this.#ground
    if (this.#from >= log.firstRevision) return log.ordinalOf(this.#from)
    this.#checkHistory()
    return kv.rows.firstAtRevision(this.#from)
  }

  #checkHistory(): void {
    const { compactRevision } = this.#ground.kv
    if (this.#from < compactRevision) throw new CompactedError(compactRevision)
  }

  /** True at the end of the log. */
  #walkLog(batch: Batch): boolean {
    const { log } = this.#ground
    const end = log.endOrdinal
    for (let walked = 0; this.#place < end; this.#place++, walked++) {
      const event = log.at(this.#place)
      const { modRevision } = event.kv
      if (walked >= walkMax && batch.mayEndBefore(modRevision)) return this.#stopAt(modRevision)
      if (!this.#concerns(event)) continue
      if (batch.fullBefore(modRevision)) return this.#stopAt(modRevision)
      batch.add(this.prevKv ? log.withPrevious(event) : log.plain(event))
    }
    return true
  }

  /** True where the log begins. */
  #walkHistory(batch: Batch): boolean {
    this.#checkHistory()
    const [only] = this.keys.parts
    if (this.keys.parts.length === 1 && only?.single === true) {
      return this.#walkVersions(batch, only.start)
    }
    const { history, log, historyRowsMax } = this.#ground
    let walked = 0
    while (this.#place < log.firstOrdinal) {
      const piece = history.read(this.#place)
      for (const event of piece.events) {
        if (event.ordinal >= log.firstOrdinal) break
        this.#place = event.ordinal
        const { modRevision } = event.kv
        if (walked >= historyRowsMax && batch.mayEndBefore(modRevision)) {
          return this.#stopAt(modRevision)
        }
        walked++
        if (!this.#concerns(event)) continue
        if (batch.fullBefore(modRevision)) return this.#stopAt(modRevision)
        batch.add(this.#pastEvent(event))
      }
      this.#place = Math.min(piece.end, log.firstOrdinal)
    }
    return true
  }

  /** One key: its own versions say where its rows are. */
  #walkVersions(batch: Batch, key: string): boolean {
    const { log, kv, historyRowsMax } = this.#ground
    const entry = kv.index.get(key)
    const count = entry === undefined ? 0 : entry.olderCount + 1
    const first = entry?.positionOf(this.#place) ?? 0
    for (let at = first; at < count; at++) {
      const version = at < count - 1 ? entry?.olderVersion(at) : entry
      if (version === undefined || version.ordinal >= log.firstOrdinal) break
      this.#place = version.ordinal
      const { modRevision } = version
      if (modRevision < this.#from) continue
      if (at - first >= historyRowsMax || batch.fullBefore(modRevision)) {
        return this.#stopAt(modRevision)
      }
      const row = kv.rows.read(version.ordinal)
      if (!this.#wants(row)) continue
      const { ordinal } = version
      const plain = watchEvent(row, null)
      batch.add(this.#pastEvent({ key, ordinal, kv: row, plain, withPrevious: null }))
    }
    this.#place = log.firstOrdinal
    return true
  }

  #stopAt(revision: Revision): false {
    // One that waited for the future is not to tell what came before.
    this.#from = Math.max(this.#from, revision)
    return false
  }

  #concerns({ key, kv }: PastEvent): boolean {
    return kv.modRevision >= this.#from && this.#wants(kv) && this.keys.has(key)
  }

  #pastEvent(event: PastEvent): WatchEvent {
    if (this.prevKv) event.withPrevious ??= watchEvent(event.kv, this.#previousOf(event.kv))
    else event.plain ??= watchEvent(event.kv, null)
    return (this.prevKv ? event.withPrevious : event.plain) ?? watchEvent(event.kv, null)
  }

  #previousOf(kv: KeyValue): KeyValue | null {
    const { index, rows, compactRevision } = this.#ground.kv
    // What stood before the compaction is not to be had, whether its row has gone already or not.
    if (kv.modRevision <= compactRevision) return null
    const before = index.get(keyString(kv.key))?.at(kv.modRevision - 1) ?? null
    return before === null || before.version === 0 ? null : rows.read(before.ordinal)
  }
}

/** What one `next` gathers. Only where `fragments` are allowed it ends within a revision. */
class Batch {
  readonly #events: WatchEvent[] = []
  readonly #bytesMax: number
  readonly #fragments: boolean
  #bytes = 0
  #lastRevision: Revision = 0

  constructor(bytesMax: number, fragments: boolean) {
    this.#bytesMax = bytesMax
    this.#fragments = fragments
  }

  get empty(): boolean {
    return this.#events.length === 0
  }

  add(event: WatchEvent): void {
    this.#events.push(event)
    this.#lastRevision = event.kv.modRevision
    this.#bytes += rowBytes(event.kv) + (event.prevKv === null ? 0 : rowBytes(event.prevKv))
  }

  /** No event of `revision` has been added. */
  mayEndBefore(revision: Revision): boolean {
    return revision !== this.#lastRevision
  }

  /** An event of `revision` has to wait for the next batch. */
  fullBefore(revision: Revision): boolean {
    if (this.empty || this.#bytes < this.#bytesMax) return false
    return this.#fragments || this.mayEndBefore(revision)
  }

  /** The next event is of `revision`, or there are some of it still to be looked at. */
  cutBefore(revision: Revision): WatchBatch {
    if (!this.empty && revision === this.#lastRevision) {
      return { revision, events: this.#events, more: true }
    }
    return this.end(revision - 1)
  }

  end(revision: Revision): WatchBatch {
    return { revision, events: this.#events, more: false }
  }
}
