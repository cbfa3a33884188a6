// How gRPC stands in HTTP/2: messages with a length before them, deadlines and sentences in headers.

import { rpcCode } from '../rpc.js'
import type { RpcCode } from '../rpc.js'

/** A flag for compression, and the length as four bytes. */
const headBytes = 5

export type NextMessage =
  | { readonly message: Uint8Array }
  | { readonly refused: string; readonly code: RpcCode }

export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, headBytes)
  return bytes
}

/** Puts messages together from the pieces in which they come. */
export class RpcMessages {
  readonly #messageBytesMax: number
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax
  }

  /** No part of a message waits for the rest. */
  get empty(): boolean {
    return this.#bytes === 0
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** Null until more has come. Nothing is to be asked after a refusal. */
  next(): NextMessage | null {
    if (this.#bytes < headBytes) return null
    const head = this.#chunks[0]?.length ?? 0
    if (head < headBytes) this.#join()
    const [first] = this.#chunks
    if (first === undefined) return null
    if (first[0] !== 0) {
      return { code: rpcCode.unimplemented, refused: 'grpc: no compression is spoken here' }
    }
    const length = first.readUInt32BE(1)
    const most = this.#messageBytesMax
    if (length > most) {
      const refused = `grpc: received message larger than max (${length} vs. ${most})`
      return { code: rpcCode.resourceExhausted, refused }
    }
    if (this.#bytes < headBytes + length) return null
    if (first.length < headBytes + length) this.#join()
    return { message: this.#cut(headBytes, headBytes + length) }
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)]
  }

  #cut(from: number, to: number): Uint8Array {
    const whole = this.#chunks[0] ?? Buffer.alloc(0)
    const message = whole.subarray(from, to)
    this.#bytes -= to
    if (whole.length === to) this.#chunks.shift()
    else this.#chunks[0] = whole.subarray(to)
    return message
  }
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}
/** The longest that a timer of Node takes; what is longer is as good as never. */
const timerMsMax = 2 ** 31 - 1

/** Infinity without a deadline, or with one that is weeks away; null when it is none. */
export function timeoutMsOf(header: string | readonly string[] | undefined): number | null {
  if (header === undefined) return Number.POSITIVE_INFINITY
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? []
  const milliseconds = Number(digits) * (unitMs[unit] ?? Number.NaN)
  if (Number.isNaN(milliseconds)) return null
  return milliseconds > timerMsMax ? Number.POSITIVE_INFINITY : milliseconds
}

/** Printable ASCII stands as it is; everything else, and the percent sign, by its bytes. */
export function encodeStatusMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message
  let encoded = ''
  for (const byte of Buffer.from(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
