// The watches of one client. Each is a cursor into the store's history; events are taken from it only
// while its client has given credit and is not behind with reading, so a slow client costs nothing but
// its cursors. Knows no protocol: a WatchOutput tells the client in its own. Counterpart: the send loop
// of etcd's watch server.
//
// Progress is an answer in order: it is given when everything up to the revision of its asking has
// gone out before it, also where a watch is behind, and also where events never cease.

import { RaftsmanError, must } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Replica as Machine, Watcher } from '../core/replica.js'
import type { Revision, WatchBatch, WatchEvent, WatchRequest } from '../core/types.js'
import { creditOf, protocolLimits } from '../protocol.js'
import type { Asker, Guard } from './auth/guard.js'

/** Bytes that a client has not read, above which its watches wait. */
const bufferedBytesMax = 1024 * 1024
const bufferedRetryMs = 5
/** Events taken for one client before other work has its turn. */
const turnBytesMax = 1024 * 1024
/** What a look into history that found nothing counts as. */
const fruitlessBytes = 1024

/** How one client is told of its watches. What it is given first, it says first. */
export interface WatchOutput {
  /** Bytes that the client has not read. */
  readonly bufferedBytes: number
  /** It calls `resume` once the client has read; else it is looked at again and again. */
  readonly tellsWhenRead?: boolean
  /** The first of every watch. Events behind `revision` follow, and earlier ones if asked for. */
  created(watch: number, revision: Revision): void
  /**
   * With these, everything up to `revision` has been told; with `more` only when the rest of its
   * events has been as well, which comes before anything else of this watch.
   */
  events(watch: number, revision: Revision, events: readonly WatchEvent[], more: boolean): void
  /** No more events in this turn: what was kept back, to be said of several watches at once, is said. */
  turnEnds?(): void
  /** Everything up to `revision` has been told. */
  progress(watch: number, revision: Revision): void
  /** The same of all watches of the client. */
  progressOfAll(revision: Revision): void
  /** The last of a watch. A CompactedError says which revision there still is. */
  ended(watch: number, error: RaftsmanError): void
}

export interface NewWatch {
  /** The client's own name for it. */
  readonly watch: number
  readonly request: WatchRequest
  /** See creditOf; Infinity where the protocol has no credit. */
  readonly creditBytes: number
  /** The events of one revision may be told in several parts. */
  readonly fragments: boolean
}

interface OpenWatch {
  readonly id: number
  readonly watcher: Watcher
  readonly notify: boolean
  readonly fragments: boolean
  credit: number
  /** A revision has been told in part. */
  partial: boolean
  /** Progress is owed, and has to reach this revision. */
  progressFrom: Revision | null
  /** When something was last said about it. */
  spokeMs: number
}

interface Opening {
  readonly wanted: NewWatch
  /** Progress was asked for already. */
  progress: boolean
}

export interface WatchPumpOptions {
  readonly machine: Pick<Machine, 'revision'>
  readonly guard: Pick<Guard, 'permitted' | 'openWatch'>
  /** Whose permissions count. */
  readonly asker: Asker
  readonly clock: Clock
  readonly progressMs: number
  readonly output: WatchOutput
}

export class WatchPump {
  readonly #options: WatchPumpOptions
  readonly #watches = new Map<number, OpenWatch>()
  /** Those of which is not certain yet whether they are permitted. */
  readonly #opening = new Map<number, Opening>()
  /** Those with something to take, in the order of their turn. */
  readonly #readable = new Set<OpenWatch>()
  /** Progress of all is owed, and has to reach this revision. */
  #allFrom: Revision | null = null
  #scheduled = false
  #closed = false

  constructor(options: WatchPumpOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#watches.size
  }

  has(id: number): boolean {
    return this.#watches.has(id) || this.#opening.has(id)
  }

  /** Opens it once it is certain that it is permitted; a refusal is told as its end. */
  create(wanted: NewWatch): void {
    const { guard, asker, output } = this.#options
    const { watch: id, request } = wanted
    const opening = { wanted, progress: false }
    try {
      this.#checkRoom(id)
      this.#opening.set(id, opening)
      guard.permitted(
        asker,
        (check, by) => check.watch(by, request),
        error => {
          // Cancelled meanwhile, and its id perhaps used again.
          if (this.#opening.get(id) !== opening) return
          this.#notOpening(id)
          if (error === null) this.#openLate(opening)
          else output.ended(id, error)
        },
      )
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      if (this.#opening.get(id) === opening) this.#notOpening(id)
      output.ended(id, error)
    }
  }

  /** For who has asked the guard already. Throws the refusal; then nothing is said of it. */
  open(wanted: NewWatch): void {
    const { watch: id, request, creditBytes, fragments } = wanted
    const { machine, guard, asker, clock, output } = this.#options
    this.#checkRoom(id)
    let watch: OpenWatch | null = null
    const watcher = guard.openWatch(asker, request, () => this.#mark(must(watch, 'an open watch')))
    watch = {
      id,
      watcher,
      notify: request.progressNotify === true,
      fragments,
      credit: creditBytes,
      partial: false,
      progressFrom: null,
      spokeMs: clock.monotonicMs(),
    }
    this.#watches.set(id, watch)
    output.created(id, machine.revision)
    this.#mark(watch)
  }

  #openLate({ wanted, progress }: Opening): void {
    try {
      this.open(wanted)
      if (progress) this.progress(wanted.watch)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#options.output.ended(wanted.watch, error)
    }
  }

  #notOpening(id: number): boolean {
    // It may have been the last that others waited for.
    if (this.#allFrom !== null) this.#schedule()
    return this.#opening.delete(id)
  }

  credit(id: number, creditBytes: number): void {
    const watch = this.#watches.get(id)
    // Ended or cancelled while the credit was on its way.
    if (watch === undefined) return
    watch.credit = Math.min(watch.credit + creditBytes, protocolLimits.creditBytesMax)
    this.#mark(watch)
  }

  /** False when there is no such watch. Nothing more is said of it. */
  cancel(id: number): boolean {
    const watch = this.#watches.get(id)
    if (watch === undefined) return this.#notOpening(id)
    this.#drop(watch)
    return true
  }

  progress(id: number): void {
    const watch = this.#watches.get(id)
    if (watch !== undefined) this.#owe(watch)
    const opening = this.#opening.get(id)
    if (opening !== undefined) opening.progress = true
  }

  /** The client has read. */
  resume(): void {
    if (this.#readable.size > 0 || this.#allFrom !== null) this.#schedule()
  }

  progressOfAll(): void {
    this.#allFrom = this.#options.machine.revision
    this.#schedule()
  }

  /** Once a second or so: says how far idle watches are that asked to be told. */
  tick(nowMs: number): void {
    for (const watch of this.#watches.values()) {
      const due = watch.notify && nowMs - watch.spokeMs >= this.#options.progressMs
      if (due) this.#owe(watch)
      // One that waits for the future is woken by no event.
      else if (watch.progressFrom !== null) this.#mark(watch)
    }
    if (this.#allFrom !== null) this.#schedule()
  }

  close(): void {
    this.#closed = true
    for (const watch of this.#watches.values()) watch.watcher.close()
    this.#watches.clear()
    this.#opening.clear()
    this.#readable.clear()
    this.#allFrom = null
  }

  #checkRoom(id: number): void {
    if (this.has(id)) {
      throw refused('watch-exists', 'a watch with this id exists on the link')
    }
    if (this.#watches.size + this.#opening.size >= protocolLimits.watchesMax) {
      throw refused(
        'too-many-watches',
        `more than ${protocolLimits.watchesMax} watches on one link`,
      )
    }
  }

  /** What is owed already is not put off. */
  #owe(watch: OpenWatch): void {
    watch.progressFrom ??= this.#options.machine.revision
    this.#mark(watch)
  }

  #mark(watch: OpenWatch): void {
    this.#readable.add(watch)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    const { clock, output } = this.#options
    const behind = output.bufferedBytes > bufferedBytesMax
    if (behind && output.tellsWhenRead === true) return
    this.#scheduled = true
    const run = () => {
      this.#scheduled = false
      if (!this.#closed) this.#pump()
    }
    if (behind) clock.setTimer(bufferedRetryMs, run)
    else clock.defer(run)
  }

  #pump(): void {
    let bytes = 0
    // Each watch in turn gives one batch and goes behind the others.
    for (const watch of this.#readable) {
      if (bytes > turnBytesMax || this.#options.output.bufferedBytes > bufferedBytesMax) break
      this.#readable.delete(watch)
      const taken = this.#turnOf(watch)
      if (taken === null) continue
      bytes += Math.max(taken, fruitlessBytes)
      this.#readable.add(watch)
    }
    this.#payProgressOfAll()
    this.#options.output.turnEnds?.()
    if (this.#readable.size > 0) this.#schedule()
  }

  /** Bytes taken from one watch; null when there is nothing more for now. */
  #turnOf(watch: OpenWatch): number | null {
    // Without credit it still owes what it has delivered already.
    this.#payProgress(watch)
    if (watch.credit <= 0) return null
    let batch: WatchBatch | null
    try {
      const bytesMax = Math.min(watch.credit, protocolLimits.partBytes)
      batch = watch.watcher.next(bytesMax, watch.fragments)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#drop(watch)
      this.#options.output.ended(watch.id, error)
      return null
    }
    const taken = batch === null ? null : this.#send(watch, batch)
    this.#payProgress(watch)
    return taken
  }

  #payProgress(watch: OpenWatch): void {
    if (watch.progressFrom === null || watch.partial) return
    const revision = watch.watcher.progress(watch.progressFrom)
    if (revision === null) return
    watch.progressFrom = null
    watch.spokeMs = this.#options.clock.monotonicMs()
    this.#options.output.progress(watch.id, revision)
  }

  #payProgressOfAll(): void {
    if (this.#allFrom === null || this.#opening.size > 0) return
    let { revision } = this.#options.machine
    for (const { watcher, partial } of this.#watches.values()) {
      const reached = partial ? null : watcher.progress(this.#allFrom)
      if (reached === null) return
      revision = Math.min(revision, reached)
    }
    this.#allFrom = null
    this.#options.output.progressOfAll(revision)
  }

  #send(watch: OpenWatch, { revision, events, more }: WatchBatch): number {
    if (events.length === 0) return 0
    let bytes = 0
    for (const { kv, prevKv } of events) {
      bytes += creditOf(kv) + (prevKv === null ? 0 : creditOf(prevKv))
    }
    watch.partial = more === true
    watch.credit -= bytes
    watch.spokeMs = this.#options.clock.monotonicMs()
    this.#options.output.events(watch.id, revision, events, watch.partial)
    return bytes
  }

  #drop(watch: OpenWatch): void {
    this.#watches.delete(watch.id)
    this.#readable.delete(watch)
    watch.watcher.close()
    if (this.#allFrom !== null) this.#schedule()
  }
}

function refused(code: string, message: string): RaftsmanError {
  return new RaftsmanError(message, { code, retryable: false, outcome: 'not-applied' })
}
