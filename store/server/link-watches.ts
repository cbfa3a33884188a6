// Watches of the native protocol: what a WatchPump says, as messages in the frame of the turn. Events
// are packed once for all watches and links that get them in about the same time.

import type { RaftsmanError } from '../../platform/errors.js'
import { CompactedError } from '../core/errors.js'
import type { Revision, WatchEvent } from '../core/types.js'
import { encodeServerMessage, encodeWatchEvent, watchEventsChunks } from '../protocol.js'
import { SharedEncodings } from './shared-encodings.js'
import type { WatchOutput } from './watch-pump.js'
import { wireError } from './wire-error.js'

const packed = new SharedEncodings(encodeWatchEvent)

export class LinkWatches implements WatchOutput {
  readonly #client: { readonly bufferedBytes: number }
  readonly #send: (...chunks: readonly Uint8Array[]) => void

  constructor(
    client: { readonly bufferedBytes: number },
    send: (...chunks: readonly Uint8Array[]) => void,
  ) {
    this.#client = client
    this.#send = send
  }

  get bufferedBytes(): number {
    return this.#client.bufferedBytes
  }

  created(watch: number, revision: Revision): void {
    this.#send(encodeServerMessage({ kind: 'watchCreated', watch, revision }))
  }

  events(watch: number, revision: Revision, events: readonly WatchEvent[], more: boolean): void {
    const chunks = events.map(event => packed.of(event))
    this.#send(...watchEventsChunks(watch, revision, more, chunks))
  }

  progress(watch: number, revision: Revision): void {
    this.#send(...watchEventsChunks(watch, revision, false, []))
  }

  /** No message of this protocol asks for it. */
  progressOfAll(): void {}

  ended(watch: number, error: RaftsmanError): void {
    const compactRevision = error instanceof CompactedError ? error.compactRevision : 0
    this.#send(
      encodeServerMessage({ kind: 'watchEnd', watch, error: wireError(error), compactRevision }),
    )
  }
}
