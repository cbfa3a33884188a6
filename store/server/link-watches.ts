// Watches of the native protocol: what a WatchPump says, as messages in the frame of the turn. Events
// are packed once for all watches and links that get them in about the same time, and watches of one link
// that are told the same in one turn are told in one message.

import type { RaftsmanError } from '../../platform/errors.js'
import { CompactedError } from '../core/errors.js'
import type { Revision, WatchEvent } from '../core/types.js'
import {
  encodeServerMessage,
  encodeWatchEvent,
  sharedEventsProtocolVersion,
  watchEventsChunks,
} from '../protocol.js'
import { SharedEncodings } from './shared-encodings.js'
import type { WatchOutput } from './watch-pump.js'
import { wireError } from './wire-error.js'

const packed = new SharedEncodings(encodeWatchEvent)

export interface LinkClient {
  readonly bufferedBytes: number
  /** Of the protocol. */
  readonly version: number
}

/** What has not been sent yet, for another watch may be told the same. */
interface KeptBack {
  readonly watches: number[]
  readonly revision: Revision
  readonly events: readonly WatchEvent[]
  readonly more: boolean
}

export class LinkWatches implements WatchOutput {
  readonly #client: LinkClient
  readonly #send: (...chunks: readonly Uint8Array[]) => void
  #keptBack: KeptBack | null = null

  constructor(client: LinkClient, send: (...chunks: readonly Uint8Array[]) => void) {
    this.#client = client
    this.#send = send
  }

  get bufferedBytes(): number {
    return this.#client.bufferedBytes
  }

  created(watch: number, revision: Revision): void {
    this.#say(encodeServerMessage({ kind: 'watchCreated', watch, revision }))
  }

  events(watch: number, revision: Revision, events: readonly WatchEvent[], more: boolean): void {
    const kept = this.#keptBack
    const same =
      kept !== null &&
      kept.revision === revision &&
      kept.more === more &&
      areSame(kept.events, events) &&
      this.#client.version >= sharedEventsProtocolVersion
    if (same) {
      kept.watches.push(watch)
      return
    }
    this.turnEnds()
    this.#keptBack = { watches: [watch], revision, events, more }
  }

  turnEnds(): void {
    if (this.#keptBack === null) return
    const { watches, revision, events, more } = this.#keptBack
    this.#keptBack = null
    const chunks = events.map(event => packed.of(event))
    this.#send(...watchEventsChunks(watches, revision, more, chunks))
  }

  progress(watch: number, revision: Revision): void {
    this.#say(...watchEventsChunks([watch], revision, false, []))
  }

  /** No message of this protocol asks for it. */
  progressOfAll(): void {}

  ended(watch: number, error: RaftsmanError): void {
    const compactRevision = error instanceof CompactedError ? error.compactRevision : 0
    this.#say(
      encodeServerMessage({ kind: 'watchEnd', watch, error: wireError(error), compactRevision }),
    )
  }

  /** Behind what was kept back. */
  #say(...chunks: readonly Uint8Array[]): void {
    this.turnEnds()
    this.#send(...chunks)
  }
}

/** The machine gives all that are told of an event the same object. */
function areSame(some: readonly WatchEvent[], others: readonly WatchEvent[]): boolean {
  return some.length === others.length && some.every((event, at) => event === others[at])
}
