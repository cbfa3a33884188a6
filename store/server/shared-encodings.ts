// Events in the form of one protocol, made once for all clients that are sent them at about the same
// time; those that lag have theirs made again. The oldest go when there are too many bytes.

import type { WatchEvent } from '../core/types.js'

const bytesMaxDefault = 16 * 1024 * 1024
const overheadBytes = 150

export class SharedEncodings {
  readonly #encode: (event: WatchEvent) => Uint8Array
  readonly #bytesMax: number
  /** In the order in which they were made. */
  readonly #encodings = new Map<WatchEvent, Uint8Array>()
  #bytes = 0

  constructor(encode: (event: WatchEvent) => Uint8Array, bytesMax = bytesMaxDefault) {
    this.#encode = encode
    this.#bytesMax = bytesMax
  }

  of(event: WatchEvent): Uint8Array {
    const known = this.#encodings.get(event)
    if (known !== undefined) return known
    const encoding = this.#encode(event)
    this.#encodings.set(event, encoding)
    this.#bytes += encoding.length + overheadBytes
    for (const [oldest, { length }] of this.#encodings) {
      if (this.#bytes <= this.#bytesMax) break
      this.#encodings.delete(oldest)
      this.#bytes -= length + overheadBytes
    }
    return encoding
  }
}
