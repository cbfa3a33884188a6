// Writes what the decoder's guard lets through: MessagePack of nil, booleans, numbers, text, binaries and
// positional arrays, each in its shortest form, as msgpackr has it. msgpackr's own encoder asks of every
// binary whether it is one of a dozen other things, and leaves several times the length of what is long as
// garbage: it was the largest single cost of lists, and a twentieth of that of puts.

import { RaftsmanError } from './errors.js'

export type PackedValue = number | boolean | null | string | Uint8Array | readonly PackedValue[]

/** A buffer beyond this is let go with the next call. */
const keptBytesMax = 4 * 1024 * 1024
const bytesMax = 2 ** 31 - 1
/** Of a tag with the longest length or number behind it. */
const headBytes = 9
/** Below these a loop is faster than a call. */
const looped = { binary: 24, text: 64 } as const

/** One value at a time; what it gives out is overwritten by the next. */
export class PackWriter {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024)
  #at = 0

  /** A view that holds until the next call. */
  write(value: readonly PackedValue[]): Uint8Array {
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(keptBytesMax)
    this.#at = 0
    this.#array(value)
    return this.#bytes.subarray(0, this.#at)
  }

  #value(value: PackedValue): void {
    if (typeof value === 'number') this.#number(value)
    else if (value instanceof Uint8Array) this.#binary(value)
    else if (typeof value === 'string') this.#text(value)
    else if (value === null) this.#tag(0xc0)
    else if (typeof value === 'boolean') this.#tag(value ? 0xc3 : 0xc2)
    else this.#array(value)
  }

  #array(items: readonly PackedValue[]): void {
    const { length } = items
    if (length < 16) this.#tag(0x90 | length)
    else if (length < 0x1_0000) this.#tagged16(0xdc, length)
    else this.#tagged32(0xdd, length)
    for (let at = 0; at < length; at += 1) this.#value(items[at] as PackedValue)
  }

  #number(value: number): void {
    if (value >>> 0 === value) {
      if (value < 0x80) this.#tag(value)
      else if (value < 0x100) this.#tagged8(0xcc, value)
      else if (value < 0x1_0000) this.#tagged16(0xcd, value)
      else this.#tagged32(0xce, value)
    } else if (value >> 0 === value) {
      if (value >= -0x20) this.#tag(value & 0xff)
      else if (value >= -0x80) this.#tagged8(0xd0, value)
      else if (value >= -0x8000) this.#tagged16(0xd1, value)
      else this.#tagged32(0xd2, value)
    } else {
      this.#reserve(headBytes)
      this.#bytes[this.#at] = 0xcb
      this.#bytes.writeDoubleBE(value, this.#at + 1)
      this.#at += 9
    }
  }

  #binary(value: Uint8Array): void {
    const { length } = value
    if (length < 0x100) this.#tagged8(0xc4, length)
    else if (length < 0x1_0000) this.#tagged16(0xc5, length)
    else this.#tagged32(0xc6, length)
    this.#reserve(length)
    if (length > looped.binary) this.#bytes.set(value, this.#at)
    else {
      const bytes = this.#bytes
      let to = this.#at
      for (let from = 0; from < length; from += 1, to += 1) bytes[to] = value[from] as number
    }
    this.#at += length
  }

  #text(value: string): void {
    const { length } = value
    if (length < 0x20) {
      this.#reserve(1 + length)
      const start = this.#at
      if (this.#ascii(value, start + 1)) {
        this.#bytes[start] = 0xa0 | length
        this.#at = start + 1 + length
        return
      }
    }
    const bytes = Buffer.byteLength(value)
    if (bytes < 0x20) this.#tag(0xa0 | bytes)
    else if (bytes < 0x100) this.#tagged8(0xd9, bytes)
    else if (bytes < 0x1_0000) this.#tagged16(0xda, bytes)
    else this.#tagged32(0xdb, bytes)
    this.#reserve(bytes)
    if (bytes !== length || bytes > looped.text || !this.#ascii(value, this.#at))
      this.#bytes.write(value, this.#at, bytes, 'utf8')
    this.#at += bytes
  }

  /** False when it is not: what was written then counts for nothing. */
  #ascii(value: string, at: number): boolean {
    const bytes = this.#bytes
    for (let from = 0; from < value.length; from += 1) {
      const code = value.charCodeAt(from)
      if (code >= 0x80) return false
      bytes[at + from] = code
    }
    return true
  }

  #tag(tag: number): void {
    this.#reserve(headBytes)
    this.#bytes[this.#at] = tag
    this.#at += 1
  }

  #tagged8(tag: number, value: number): void {
    this.#reserve(headBytes)
    const at = this.#at
    this.#bytes[at] = tag
    this.#bytes[at + 1] = value
    this.#at = at + 2
  }

  #tagged16(tag: number, value: number): void {
    this.#reserve(headBytes)
    const at = this.#at
    this.#bytes[at] = tag
    this.#bytes[at + 1] = value >> 8
    this.#bytes[at + 2] = value
    this.#at = at + 3
  }

  #tagged32(tag: number, value: number): void {
    this.#reserve(headBytes)
    const at = this.#at
    this.#bytes[at] = tag
    this.#bytes[at + 1] = value >>> 24
    this.#bytes[at + 2] = value >>> 16
    this.#bytes[at + 3] = value >>> 8
    this.#bytes[at + 4] = value
    this.#at = at + 5
  }

  #reserve(length: number): void {
    const needed = this.#at + length
    if (needed > this.#bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    if (needed > bytesMax) {
      throw new RaftsmanError(`more than ${bytesMax} bytes cannot be packed`, {
        code: 'too-long-to-pack',
        retryable: false,
        outcome: 'not-applied',
      })
    }
    const larger = Buffer.allocUnsafeSlow(
      Math.min(bytesMax, Math.max(needed, 2 * this.#bytes.length)),
    )
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
