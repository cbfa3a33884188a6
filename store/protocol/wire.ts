// Frames of many messages, and the fields of one. Messages are packed one by one, so that a message
// encoded once (a watch event for a thousand watchers) can be put into many frames.

import type { UnpackRules } from '../../platform/msgpack.js'
import { unpackArray } from '../../platform/msgpack.js'
import { ProtocolError, protocolLimits } from './messages.js'

/** Head of an array whose items are already packed. */
export function arrayHeader(count: number): Uint8Array {
  if (count < 16) return Uint8Array.of(0x90 | count)
  if (count < 65_536) return Uint8Array.of(0xdc, count >> 8, count & 0xff)
  return Uint8Array.of(
    0xdd,
    (count >>> 24) & 0xff,
    (count >>> 16) & 0xff,
    (count >>> 8) & 0xff,
    count & 0xff,
  )
}

/** What a frame is held to. Any MessagePack library may have written it. */
export function frameRules(itemsMax: number): UnpackRules {
  return {
    itemsMax,
    depthMax: protocolLimits.depthMax,
    textBytesMax: protocolLimits.textBytesMax,
    numbers: 'any',
    binaries: 'views',
    error: (detail, cause) => new ProtocolError(detail, cause),
  }
}

/**
 * The messages of a frame. Binaries are views into it: what outlives the turn is copied by the
 * codec that knows so.
 *
 * @throws ProtocolError
 */
export function unpackFrame(frame: Uint8Array, rules: UnpackRules): readonly unknown[] {
  const value = unpackArray(frame, rules)
  if (value.length > protocolLimits.messagesMax) {
    throw new ProtocolError(`more than ${protocolLimits.messagesMax} messages`)
  }
  return value
}

/** Collects packed messages and cuts them into frames. */
export class FrameWriter {
  #chunks: Uint8Array[] = []
  #messages = 0
  #bytes = 0
  readonly #emit: (frame: Uint8Array) => void

  constructor(emit: (frame: Uint8Array) => void) {
    this.#emit = emit
  }

  get empty(): boolean {
    return this.#messages === 0
  }

  /** Of what has been added since the last frame. */
  get bytes(): number {
    return this.#bytes
  }

  /** The chunks together are one packed message. A full frame is emitted before it is added. */
  add(...chunks: readonly Uint8Array[]): void {
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.length
    const full =
      this.#bytes + bytes > protocolLimits.frameBytesSoft ||
      this.#messages === protocolLimits.messagesMax
    if (full) this.cut()
    for (const chunk of chunks) this.#chunks.push(chunk)
    this.#messages += 1
    this.#bytes += bytes
  }

  /** Emits what has been added, if anything. */
  cut(): void {
    if (this.#messages === 0) return
    const frame = Buffer.concat([arrayHeader(this.#messages), ...this.#chunks])
    this.#chunks = []
    this.#messages = 0
    this.#bytes = 0
    this.#emit(frame)
  }
}

/** An array of exactly `length` items. */
export function asFields(value: unknown, length: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) {
    throw new ProtocolError(`${what} is not an array of ${length}`)
  }
  return value
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ProtocolError(`${what} is not an array`)
  return value
}

/** An integer in 0..2^53-1, however it was encoded; a negative zero becomes a plain one. */
export function asUint(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ProtocolError(`${what} is not an integer from 0 to 2^53-1`)
  }
  return value === 0 ? 0 : value
}

/** An integer in -2^53+1..2^53-1. */
export function asInt(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new ProtocolError(`${what} is not an integer`)
  }
  return value === 0 ? 0 : value
}

export function asFlag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new ProtocolError(`${what} is not a boolean`)
  return value
}

/** Bits of `mask` only. */
export function asBits(value: unknown, mask: number, what: string): number {
  const bits = asUint(value, what)
  if (bits > mask || (bits & ~mask) !== 0) throw new ProtocolError(`${what} has unknown bits`)
  return bits
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new ProtocolError(`${what} is not a text`)
  return value
}

export function asBytes(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new ProtocolError(`${what} is not a binary`)
  return value
}

/** The item of `names` that the number stands for. */
export function asName<N extends string>(value: unknown, names: readonly N[], what: string): N {
  const name = names[asUint(value, what)]
  if (name === undefined) throw new ProtocolError(`${what} is not one of ${names.join(', ')}`)
  return name
}
