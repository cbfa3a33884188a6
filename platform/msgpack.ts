// MessagePack narrowed to positional arrays of nil, booleans, numbers, text and binaries. Every
// value is walked before it is decoded: maps, extensions (records, structures, dates), deep nesting
// and lengths that lie never reach msgpackr, whatever a peer sends.

import { Packr } from 'msgpackr'
import { RaftsmanError } from './errors.js'

export type PackedValue = number | boolean | null | string | Uint8Array | readonly PackedValue[]

export interface UnpackLimits {
  /** Values in all, at any depth. */
  readonly itemsMax: number
  /** Arrays within arrays; the outermost is 1. */
  readonly depthMax: number
}

/** Bytes that are not what their sender may send. */
export class MalformedFrame extends RaftsmanError {
  constructor(detail: string) {
    super(`malformed frame: ${detail}`, {
      code: 'malformed-frame',
      retryable: false,
      outcome: 'not-applied',
    })
  }
}

const packr = new Packr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number' })

export function packArray(value: readonly PackedValue[]): Uint8Array {
  return packr.pack(value)
}

/** Binaries in it are views on `bytes`: copy what lives long. Throws MalformedFrame. */
export function unpackArray(bytes: Uint8Array, limits: UnpackLimits): readonly unknown[] {
  checkPacked(bytes, limits)
  let value: unknown
  try {
    value = packr.unpack(bytes)
  } catch (error) {
    throw new MalformedFrame(error instanceof Error ? error.message : 'not decodable')
  }
  if (!Array.isArray(value)) throw new MalformedFrame('not an array')
  return value
}

/** Throws MalformedFrame unless `bytes` is exactly one value of the kinds above. */
function checkPacked(bytes: Uint8Array, limits: UnpackLimits): void {
  const length = bytes.length
  // Values still to come in each open array; a loop, so nesting costs no stack.
  const open: number[] = []
  let pending = 1
  let items = 0
  let at = 0
  while (pending > 0) {
    if (at >= length) throw new MalformedFrame('it ends early')
    items += 1
    if (items > limits.itemsMax) throw new MalformedFrame(`more than ${limits.itemsMax} values`)
    pending -= 1
    const tag = bytes[at] as number
    const width = lengthWidth(tag)
    if (at + 1 + width > length) throw new MalformedFrame('it ends early')
    const count = arrayCount(tag, bytes, at + 1)
    if (count === -1) {
      at += 1 + width + scalarBytes(tag, bigEndian(bytes, at + 1, width))
      if (at > length) throw new MalformedFrame('it ends early')
    } else {
      at += 1 + width
      // Each value takes a byte at least: refused before anything of that size is made.
      if (count > length - at) throw new MalformedFrame('an array is longer than the frame')
      open.push(pending)
      if (open.length > limits.depthMax) throw new MalformedFrame('nested too deeply')
      pending = count
    }
    while (pending === 0 && open.length > 0) pending = open.pop() as number
  }
  if (at !== length) throw new MalformedFrame('bytes follow it')
}

function arrayCount(tag: number, bytes: Uint8Array, at: number): number {
  if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f
  if (tag === 0xdc) return bigEndian(bytes, at, 2)
  if (tag === 0xdd) return bigEndian(bytes, at, 4)
  return -1
}

function bigEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let offset = 0; offset < width; offset += 1)
    value = value * 256 + (bytes[at + offset] as number)
  return value
}

/** Bytes of the length that follows a tag: text, binary and array of 8, 16 and 32 bits. */
function lengthWidth(tag: number): number {
  switch (tag) {
    case 0xc4:
    case 0xd9:
      return 1
    case 0xc5:
    case 0xda:
    case 0xdc:
      return 2
    case 0xc6:
    case 0xdb:
    case 0xdd:
      return 4
    default:
      return 0
  }
}

function scalarBytes(tag: number, count: number): number {
  // Small integers, nil, false, true; then short text.
  if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return 0
  if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f
  if (lengthWidth(tag) > 0) return count
  switch (tag) {
    case 0xcc:
    case 0xd0:
      return 1
    case 0xcd:
    case 0xd1:
      return 2
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8
    default:
      throw new MalformedFrame(`value type 0x${tag.toString(16)} is not accepted`)
  }
}

/** Reads an array field by field; every mismatch is a MalformedFrame that names `what`. */
export class FieldReader {
  private readonly fields: readonly unknown[]
  private readonly what: string
  private at = 0

  constructor(value: unknown, what: string) {
    if (!Array.isArray(value)) throw new MalformedFrame(`${what} is not an array`)
    this.fields = value
    this.what = what
  }

  get left(): number {
    return this.fields.length - this.at
  }

  private next(): unknown {
    if (this.at >= this.fields.length) throw new MalformedFrame(`${this.what} is too short`)
    const value = this.fields[this.at]
    this.at += 1
    return value
  }

  /** An integer in 0..2^53-1. */
  natural(): number {
    const value = this.next()
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw new MalformedFrame(`${this.what} has no integer at ${this.at - 1}`)
    // A float may carry a negative zero.
    return value === 0 ? 0 : value
  }

  boolean(): boolean {
    const value = this.next()
    if (typeof value !== 'boolean')
      throw new MalformedFrame(`${this.what} has no boolean at ${this.at - 1}`)
    return value
  }

  text(charactersMax: number): string {
    const value = this.next()
    if (typeof value !== 'string' || value.length > charactersMax)
      throw new MalformedFrame(`${this.what} has no text at ${this.at - 1}`)
    return value
  }

  bytes(): Uint8Array {
    const value = this.next()
    if (!(value instanceof Uint8Array))
      throw new MalformedFrame(`${this.what} has no bytes at ${this.at - 1}`)
    return value
  }

  array(what: string): FieldReader {
    return new FieldReader(this.next(), what)
  }

  end(): void {
    if (this.left > 0) throw new MalformedFrame(`${this.what} is too long`)
  }
}
