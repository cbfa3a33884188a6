// MessagePack narrowed to positional arrays of nil, booleans, numbers, text and binaries: what links,
// log entries and snapshots are made of. Every value passes the guard before it is decoded.

import { Unpackr } from 'msgpackr'
import { RaftsmanError } from './errors.js'
import type { PackedRules } from './msgpack-guard.js'
import { checkPacked } from './msgpack-guard.js'
import { PackWriter } from './msgpack-writer.js'
import type { PackedValue } from './msgpack-writer.js'

export type { PackedValue } from './msgpack-writer.js'

export interface UnpackRules extends PackedRules {
  /** `views` on the bytes, which then stay in memory as long as any of them; or `copies`. */
  readonly binaries: 'views' | 'copies'
}

/** Bytes that are not what their sender may send. */
export class MalformedFrame extends RaftsmanError {
  constructor(detail: string, cause?: unknown) {
    super(`malformed frame: ${detail}`, {
      code: 'malformed-frame',
      retryable: false,
      outcome: 'not-applied',
      cause,
    })
  }
}

const writer = new PackWriter()
const unpackrs = {
  views: new Unpackr({ useRecords: false, int64AsType: 'number' }),
  copies: new Unpackr({ useRecords: false, int64AsType: 'number', copyBuffers: true }),
} as const

/** May share memory with others that are as short, as small Buffers do. */
export function packArray(value: readonly PackedValue[]): Uint8Array {
  return Buffer.from(writer.write(value))
}

/** In memory of its own, for what is kept: behind `before` bytes that are the caller's. */
export function packExact(value: readonly PackedValue[], before = 0): Uint8Array {
  const packed = writer.write(value)
  // No Buffer, whose type would come back in what is decoded from it.
  const exact = new Uint8Array(Buffer.allocUnsafeSlow(before + packed.length).buffer)
  exact.set(packed, before)
  return exact
}

/** Throws `rules.error`, and nothing else. */
export function unpackArray(bytes: Uint8Array, rules: UnpackRules): readonly unknown[] {
  checkPacked(bytes, rules)
  let value: unknown
  try {
    value = unpackrs[rules.binaries].unpack(bytes)
  } catch (error) {
    throw rules.error('it is not MessagePack', error)
  }
  if (!Array.isArray(value)) throw rules.error('it is not an array')
  return value
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
