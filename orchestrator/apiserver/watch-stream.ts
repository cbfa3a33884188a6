// One watch as a body that never ends by itself: a cursor into the cache's window, moved as fast
// as the client reads. Counterpart: cacheWatcher; but there is no queue, so a client that stops
// reading costs nothing until its place has left the window, and then it is told so and ended.

import type { Clock, Timer } from '../../platform/clock.js'
import { ConversionNeeded } from '../api/custom/conversions.js'
import { ApiError, expired, internalError } from '../api/status.js'
import type { EventEncoder } from './event-encoder.js'
import type { BodySink } from './exchange.js'
import type { ObjectFilter } from './object-filter.js'
import type { WatchStart } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceId } from './keys.js'
import type { CacheEvent } from './resource-cache.js'
import type { StoredObject } from './stored-object.js'

/** Bytes gathered before they are handed on in one write. */
const writeBytesMax = 256 * 1024
const bookmarkMs = 60_000

export interface WatchStreamOptions {
  readonly cache: RegistryCache
  readonly resource: ResourceId
  readonly prefix: string
  readonly filter: ObjectFilter | null
  readonly start: WatchStart
  readonly encoder: EventEncoder
  readonly bookmarks: boolean
  /** Ends the initial state with the annotated bookmark. */
  readonly initialEventsEnd: boolean
  readonly timeoutMs: number
  readonly clock: Clock
  /** Asks for what the encoder or the filter could not know. */
  readonly convert: (needed: ConversionNeeded) => Promise<void>
  readonly onClose: () => void
}

export interface Selected {
  readonly type: CacheEvent['type']
  readonly object: StoredObject
}

/** What a watcher sees of an event; null when nothing. An object that stops matching is DELETED. */
export function selectEvent(
  event: CacheEvent,
  prefix: string,
  filter: ObjectFilter | null,
): Selected | null {
  if (!event.object.key.startsWith(prefix)) return null
  if (filter === null) return { type: event.type, object: event.object }
  const matched = event.previous !== null && filter(event.previous)
  const matches = event.type !== 'DELETED' && filter(event.object)
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object: event.object }
  if (!matched || event.previous === null) return null
  return { type: 'DELETED', object: event.previous.at(event.revision) }
}

export class WatchStream {
  readonly #options: WatchStreamOptions
  readonly #sink: BodySink
  readonly #timers: Timer[]
  readonly #unlisten: () => void
  #cursor: number
  #initialSent = 0
  #initialDone = false
  #blocked = false
  #converting = false
  #closed = false
  /** Never behind what has been sent. */
  #revision: number

  constructor(options: WatchStreamOptions, sink: BodySink) {
    this.#options = options
    this.#sink = sink
    this.#cursor = options.start.cursor
    this.#revision = options.start.revision
    const { clock, cache, resource } = options
    this.#unlisten = cache.listen(resource, {
      onChange: () => this.#pump(),
      onReset: () => this.close(),
    })
    this.#timers = [clock.setTimer(options.timeoutMs, () => this.#expire())]
    if (options.bookmarks) this.#timers.push(clock.setTicker(bookmarkMs, () => this.#bookmark()))
    sink.onDrain(() => {
      this.#blocked = false
      this.#pump()
    })
    if (cache.resource(resource) === options.start.window) this.#pump()
    else this.close()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Ends the body; the client starts again from what it has. */
  close(): void {
    if (this.#closed) return
    this.abandon()
    this.#sink.end()
  }

  /** The client has gone. */
  abandon(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unlisten()
    for (const timer of this.#timers) timer.cancel()
    this.#options.onClose()
  }

  #pump(): void {
    while (!this.#closed && !this.#blocked && !this.#converting) {
      const chunks: Uint8Array[] = []
      const more = this.#gather(chunks)
      if (chunks.length > 0) this.#blocked = !this.#sink.write(joined(chunks))
      if (!more) return
    }
  }

  /** False when there is nothing more at this moment. */
  #gather(chunks: Uint8Array[]): boolean {
    try {
      return this.#initialDone ? this.#gatherEvents(chunks) : this.#gatherInitial(chunks)
    } catch (error) {
      if (!(error instanceof ConversionNeeded)) throw error
      this.#convert(error)
      return false
    }
  }

  /** Whatever comes meanwhile waits for its turn behind the object that is asked for. */
  #convert(needed: ConversionNeeded): void {
    this.#converting = true
    this.#options.convert(needed).then(
      () => {
        this.#converting = false
        this.#pump()
      },
      (error: unknown) => {
        if (this.#closed) return
        const told = error instanceof ApiError ? error : internalError(String(error))
        this.#sink.write(this.#options.encoder.error(told.status))
        this.close()
      },
    )
  }

  #gatherEvents(chunks: Uint8Array[]): boolean {
    const { prefix, filter, encoder, start } = this.#options
    const { window } = start
    let bytes = 0
    while (bytes < writeBytesMax) {
      const event = window.eventAt(this.#cursor)
      if (event === undefined) return false
      if (event === null) {
        const text = `too old resource version: ${this.#revision} (${window.windowStart})`
        chunks.push(encoder.error(expired(text).status))
        this.#sink.write(joined(chunks.splice(0)))
        this.close()
        return false
      }
      // A watch may begin ahead of this cache, at what another master has confirmed.
      const seen = event.revision <= start.revision
      const selected = seen ? null : selectEvent(event, prefix, filter)
      const encoded = selected === null ? [] : encoder.event(selected.type, selected.object)
      this.#cursor++
      if (seen) continue
      this.#revision = event.revision
      for (const chunk of encoded) {
        chunks.push(chunk)
        bytes += chunk.length
      }
    }
    return true
  }

  #gatherInitial(chunks: Uint8Array[]): boolean {
    const { start, encoder, initialEventsEnd } = this.#options
    let bytes = 0
    while (this.#initialSent < start.initial.length && bytes < writeBytesMax) {
      const stored = start.initial[this.#initialSent] as StoredObject
      const encoded = encoder.event('ADDED', stored)
      this.#initialSent++
      for (const chunk of encoded) {
        chunks.push(chunk)
        bytes += chunk.length
      }
    }
    if (this.#initialSent === start.initial.length) {
      this.#initialDone = true
      if (initialEventsEnd) chunks.push(encoder.bookmark(start.revision, true))
    }
    return true
  }

  /** Only where every event up to the cache's revision has been looked at. */
  #bookmark(): void {
    const { cache, start, encoder } = this.#options
    if (this.#closed || this.#blocked || this.#converting || !this.#initialDone) return
    if (this.#cursor !== start.window.endSequence) return
    const revision = Math.max(this.#revision, cache.revision)
    this.#revision = revision
    this.#blocked = !this.#sink.write(encoder.bookmark(revision, false))
  }

  #expire(): void {
    if (this.#options.bookmarks) this.#bookmark()
    this.close()
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
}
