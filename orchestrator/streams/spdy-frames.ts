// Frames of SPDY/3.1: bytes to values and back. A data frame is handed on piece by piece as it
// arrives, so that no frame has to fit into memory; what we have no use for (SETTINGS, WINDOW_UPDATE,
// kinds that nobody knows) is passed over, as the peers of Kubernetes do. Pure.

import { unreachable } from '../../platform/errors.js'
import { HeaderReader, HeaderWriter } from './spdy-headers.js'
import type { SpdyHeaders } from './spdy-headers.js'
import { StreamError } from './stream-error.js'

export type SpdyFrame =
  | {
      readonly kind: 'syn-stream'
      readonly streamId: number
      readonly headers: SpdyHeaders
      readonly fin: boolean
    }
  | {
      readonly kind: 'syn-reply' | 'headers'
      readonly streamId: number
      readonly headers: SpdyHeaders
      readonly fin: boolean
    }
  | { readonly kind: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goaway'; readonly lastStreamId: number; readonly status: number }
  /** A piece of a data frame; `fin` only with the last one of the last frame. */
  | {
      readonly kind: 'data'
      readonly streamId: number
      readonly bytes: Uint8Array
      readonly fin: boolean
    }

export const resetStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 }
export const goAwayStatus = { ok: 0, protocolError: 1 }

const version = 3
const headBytes = 8
const controlBytesMax = 64 * 1024
const finFlag = 1
const types = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7, headers: 8 }

const broken = (why: string): StreamError =>
  new StreamError('protocol', `a SPDY frame is malformed: ${why}`)

interface DataFrame {
  readonly streamId: number
  readonly fin: boolean
  readonly left: number
}

export class SpdyParser {
  readonly #headers = new HeaderReader()
  #pending: Buffer = Buffer.alloc(0)
  #data: DataFrame | null = null

  /** What `chunk` completes. Throws StreamError; the connection is of no use then. */
  push(chunk: Uint8Array): readonly SpdyFrame[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    const frames: SpdyFrame[] = []
    let at = 0
    for (;;) {
      const rest = this.#pending.subarray(at)
      const taken = this.#data === null ? this.#frame(rest, frames) : this.#piece(rest, frames)
      if (taken === 0) break
      at += taken
    }
    // A copy: what is left of a large chunk must not hold all of it.
    this.#pending = Buffer.from(this.#pending.subarray(at))
    return frames
  }

  /** The rest of a data frame, as far as it is here. Answers how many bytes were taken. */
  #piece(bytes: Buffer, frames: SpdyFrame[]): number {
    const frame = this.#data
    if (frame === null || bytes.length === 0) return 0
    const { streamId, fin } = frame
    const piece = bytes.subarray(0, frame.left)
    const left = frame.left - piece.length
    this.#data = left === 0 ? null : { streamId, fin, left }
    frames.push({ kind: 'data', streamId, bytes: piece, fin: fin && left === 0 })
    return piece.length
  }

  #frame(bytes: Buffer, frames: SpdyFrame[]): number {
    if (bytes.length < headBytes) return 0
    const first = bytes.readUInt32BE(0)
    const flags = bytes.readUInt8(4)
    const length = bytes.readUIntBE(5, 3)
    if (first < 0x8000_0000) {
      const fin = (flags & finFlag) !== 0
      if (first === 0) throw broken('data of stream 0')
      if (length > 0) this.#data = { streamId: first, fin, left: length }
      else frames.push({ kind: 'data', streamId: first, bytes: new Uint8Array(), fin })
      return headBytes
    }
    if (((first >>> 16) & 0x7fff) !== version) throw broken('it is of another version')
    if (length > controlBytesMax) throw broken(`a control frame of ${length} bytes`)
    if (bytes.length < headBytes + length) return 0
    const body = bytes.subarray(headBytes, headBytes + length)
    const frame = this.#control(first & 0xffff, flags, body)
    if (frame !== null) frames.push(frame)
    return headBytes + length
  }

  #control(type: number, flags: number, body: Buffer): SpdyFrame | null {
    const word = (at: number): number => {
      if (body.length < at + 4) throw broken('it is too short')
      return body.readUInt32BE(at)
    }
    const streamOf = (): number => word(0) & 0x7fff_ffff
    const fin = (flags & finFlag) !== 0
    switch (type) {
      case types.synStream: {
        if (body.length < 10) throw broken('it is too short')
        const headers = this.#headers.read(body.subarray(10))
        return { kind: 'syn-stream', streamId: streamOf(), headers, fin }
      }
      case types.synReply:
      case types.headers: {
        const streamId = streamOf()
        const headers = this.#headers.read(body.subarray(4))
        return { kind: type === types.headers ? 'headers' : 'syn-reply', streamId, headers, fin }
      }
      case types.rstStream:
        return { kind: 'rst-stream', streamId: streamOf(), status: word(4) }
      case types.ping:
        return { kind: 'ping', id: word(0) }
      case types.goAway:
        return { kind: 'goaway', lastStreamId: streamOf(), status: word(4) }
      default:
        return null
    }
  }
}

/** Frames of one direction must be encoded in the order in which they are sent. */
export class SpdyEncoder {
  readonly #headers = new HeaderWriter()

  encode(frame: SpdyFrame): Uint8Array {
    switch (frame.kind) {
      case 'data': {
        const head = Buffer.alloc(headBytes)
        head.writeUInt32BE(frame.streamId)
        head.writeUInt8(frame.fin ? finFlag : 0, 4)
        head.writeUIntBE(frame.bytes.length, 5, 3)
        return Buffer.concat([head, frame.bytes])
      }
      case 'syn-stream': {
        const place = Buffer.alloc(10)
        place.writeUInt32BE(frame.streamId)
        const body = Buffer.concat([place, this.#headers.write(frame.headers)])
        return control(types.synStream, frame.fin, body)
      }
      case 'syn-reply':
      case 'headers': {
        const type = frame.kind === 'headers' ? types.headers : types.synReply
        const body = Buffer.concat([words(frame.streamId), this.#headers.write(frame.headers)])
        return control(type, frame.fin, body)
      }
      case 'rst-stream':
        return control(types.rstStream, false, words(frame.streamId, frame.status))
      case 'ping':
        return control(types.ping, false, words(frame.id))
      case 'goaway':
        return control(types.goAway, false, words(frame.lastStreamId, frame.status))
      default:
        return unreachable(frame)
    }
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4)
  return bytes
}

function control(type: number, fin: boolean, body: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt16BE(0x8000 | version, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt8(fin ? finFlag : 0, 4)
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}
