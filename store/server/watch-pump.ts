// The watches of one link. Each is a cursor into the store's history; events are taken from it only
// while its client has given credit and the socket is not behind, so a slow client costs nothing
// but its cursor. An event is packed once for all watchers that get it.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Link } from '../../platform/network.js'
import { CompactedError } from '../core/errors.js'
import type { Replica as Machine, Watcher } from '../core/replica.js'
import type { WatchBatch, WatchEvent } from '../core/types.js'
import {
  creditOf,
  encodeServerMessage,
  encodeWatchEvent,
  protocolLimits,
  watchEventsChunks,
} from '../protocol.js'
import type { ClientMessage } from '../protocol.js'
import { wireError } from './wire-error.js'

/** Socket bytes above which watches wait. */
const bufferedBytesMax = 1024 * 1024
const bufferedRetryMs = 5
/** Events taken for one link before other work has its turn. */
const turnBytesMax = 1024 * 1024

type Create = Extract<ClientMessage, { kind: 'watchCreate' }>

interface LinkWatch {
  readonly id: number
  readonly watcher: Watcher
  readonly notify: boolean
  credit: number
  progressWanted: boolean
  /** When something was last said about it. */
  spokeMs: number
}

export interface WatchPumpOptions {
  readonly link: Link
  readonly machine: Machine
  readonly clock: Clock
  readonly progressMs: number
  /** Puts a message, given in chunks, into the frame of this turn. */
  readonly send: (...chunks: readonly Uint8Array[]) => void
}

const packedEvents = new WeakMap<WatchEvent, Uint8Array>()

function packedEvent(event: WatchEvent): Uint8Array {
  let packed = packedEvents.get(event)
  if (packed === undefined) {
    packed = encodeWatchEvent(event)
    packedEvents.set(event, packed)
  }
  return packed
}

export class WatchPump {
  readonly #options: WatchPumpOptions
  readonly #watches = new Map<number, LinkWatch>()
  /** Those with something to take, in the order of their turn. */
  readonly #readable = new Set<LinkWatch>()
  #scheduled = false
  #closed = false

  constructor(options: WatchPumpOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#watches.size
  }

  create(message: Create): void {
    const { machine, clock, send } = this.#options
    if (this.#watches.has(message.watch)) {
      this.#end(message.watch, refused('watch-exists', 'a watch with this id exists on the link'))
      return
    }
    if (this.#watches.size >= protocolLimits.watchesMax) {
      const sentence = `more than ${protocolLimits.watchesMax} watches on one link`
      this.#end(message.watch, refused('too-many-watches', sentence))
      return
    }
    let watch: LinkWatch | null = null
    try {
      const watcher = machine.openWatch(message.request, () => {
        if (watch !== null) this.#mark(watch)
      })
      watch = {
        id: message.watch,
        watcher,
        notify: message.request.progressNotify === true,
        credit: message.creditBytes,
        progressWanted: false,
        spokeMs: clock.monotonicMs(),
      }
    } catch (error) {
      this.#end(message.watch, error)
      return
    }
    this.#watches.set(watch.id, watch)
    const { revision } = machine
    send(encodeServerMessage({ kind: 'watchCreated', watch: watch.id, revision }))
    this.#mark(watch)
  }

  credit(id: number, creditBytes: number): void {
    const watch = this.#watches.get(id)
    // Ended or cancelled while the credit was on its way.
    if (watch === undefined) return
    watch.credit = Math.min(watch.credit + creditBytes, protocolLimits.creditBytesMax)
    this.#mark(watch)
  }

  cancel(id: number): void {
    const watch = this.#watches.get(id)
    if (watch !== undefined) this.#drop(watch)
  }

  progress(id: number): void {
    const watch = this.#watches.get(id)
    if (watch === undefined) return
    watch.progressWanted = true
    this.#mark(watch)
  }

  /** Says how far idle watches are that asked to be told. */
  tick(nowMs: number): void {
    for (const watch of this.#watches.values()) {
      if (!watch.notify || nowMs - watch.spokeMs < this.#options.progressMs) continue
      watch.progressWanted = true
      this.#mark(watch)
    }
  }

  close(): void {
    this.#closed = true
    for (const watch of this.#watches.values()) watch.watcher.close()
    this.#watches.clear()
    this.#readable.clear()
  }

  #mark(watch: LinkWatch): void {
    this.#readable.add(watch)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    const { clock, link } = this.#options
    const run = () => {
      this.#scheduled = false
      if (!this.#closed) this.#pump()
    }
    if (link.bufferedBytes > bufferedBytesMax) clock.setTimer(bufferedRetryMs, run)
    else clock.defer(run)
  }

  #pump(): void {
    let bytes = 0
    // Each watch in turn gives one batch and goes behind the others.
    for (const watch of this.#readable) {
      if (bytes > turnBytesMax || this.#options.link.bufferedBytes > bufferedBytesMax) break
      this.#readable.delete(watch)
      if (watch.credit <= 0) continue
      const taken = this.#take(watch)
      if (taken === null) continue
      bytes += taken
      this.#readable.add(watch)
      if (taken === 0) bytes += 1024
    }
    if (this.#readable.size > 0) this.#schedule()
  }

  /** Bytes taken from one watch; null when there is nothing more for now. */
  #take(watch: LinkWatch): number | null {
    let batch: WatchBatch | null
    try {
      batch = watch.watcher.next(Math.min(watch.credit, protocolLimits.partBytes))
      if (batch === null && watch.progressWanted) {
        const progress = watch.watcher.progress()
        if (progress !== null) this.#send(watch, progress)
      }
    } catch (error) {
      this.#drop(watch)
      this.#end(watch.id, error)
      return null
    }
    if (batch === null) return null
    return batch.events.length === 0 ? 0 : this.#send(watch, batch)
  }

  #send(watch: LinkWatch, batch: WatchBatch): number {
    const { send, clock } = this.#options
    watch.spokeMs = clock.monotonicMs()
    if (batch.events.length === 0) watch.progressWanted = false
    let part: Uint8Array[] = []
    let partBytes = 0
    let total = 0
    for (const event of batch.events) {
      if (partBytes > protocolLimits.partBytes) {
        send(...watchEventsChunks(watch.id, batch.revision, true, part))
        part = []
        partBytes = 0
      }
      const packed = packedEvent(event)
      part.push(packed)
      partBytes += packed.length
      total += creditOf(event.kv) + (event.prevKv === null ? 0 : creditOf(event.prevKv))
    }
    send(...watchEventsChunks(watch.id, batch.revision, false, part))
    watch.credit -= total
    return total
  }

  #drop(watch: LinkWatch): void {
    this.#watches.delete(watch.id)
    this.#readable.delete(watch)
    watch.watcher.close()
  }

  #end(id: number, error: unknown): void {
    const compactRevision = error instanceof CompactedError ? error.compactRevision : 0
    const wire = wireError(error)
    this.#options.send(
      encodeServerMessage({ kind: 'watchEnd', watch: id, error: wire, compactRevision }),
    )
  }
}

function refused(code: string, message: string): RaftsmanError {
  return new RaftsmanError(message, { code, retryable: false, outcome: 'not-applied' })
}
