// Header blocks of SPDY/3.1: a count, then names and values behind their lengths, all of a
// connection's blocks in one zlib stream for each direction. Ours are written uncompressed inside
// that stream, which every zlib reads: a dozen short headers a connection are not worth a compressor.

import { Inflater } from './inflate.js'
import { spdyDictionary, spdyDictionaryId } from './spdy-dictionary.js'
import { StreamError } from './stream-error.js'

/** Lower-case names. Values of a repeated header stand side by side. */
export type SpdyHeaders = ReadonlyMap<string, readonly string[]>

const blockBytesMax = 64 * 1024
const headersMax = 256
const storedBytesMax = 0xffff

const broken = (why: string): StreamError =>
  new StreamError('protocol', `a header block is malformed: ${why}`)

/** Reads the blocks of one direction, in their order. */
export class HeaderReader {
  readonly #inflater = new Inflater(spdyDictionary)
  #begun = false

  /** Throws StreamError. */
  read(block: Uint8Array): SpdyHeaders {
    let rest = block
    if (!this.#begun) {
      rest = afterZlibHeader(block)
      this.#begun = true
    }
    return parseHeaders(this.#inflater.inflate(rest, blockBytesMax))
  }
}

function afterZlibHeader(block: Uint8Array): Uint8Array {
  const [method = 0, flags = 0] = block
  if (block.length < 2 || (method & 0x0f) !== 8 || ((method << 8) | flags) % 31 !== 0) {
    throw broken('it does not begin as zlib does')
  }
  if ((flags & 0x20) === 0) return block.subarray(2)
  const id = block.length < 6 ? 0 : Buffer.from(block.subarray(2, 6)).readUInt32BE()
  if (id !== spdyDictionaryId) throw broken('it is of another dictionary')
  return block.subarray(6)
}

function parseHeaders(block: Uint8Array): SpdyHeaders {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length)
  let at = 0
  const number = (): number => {
    if (at + 4 > bytes.length) throw broken('it is too short')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = number()
    if (at + length > bytes.length) throw broken('it is too short')
    at += length
    return bytes.toString('latin1', at - length, at)
  }
  const count = number()
  if (count > headersMax) throw broken(`more than ${headersMax} headers`)
  const headers = new Map<string, readonly string[]>()
  for (let done = 0; done < count; done += 1) {
    const name = text().toLowerCase()
    headers.set(name, text().split('\0'))
  }
  return headers
}

/** Writes the blocks of one direction. */
export class HeaderWriter {
  #begun = false

  write(headers: SpdyHeaders): Uint8Array {
    const pieces: Buffer[] = [uint32(headers.size)]
    for (const [name, values] of headers) {
      for (const text of [name, values.join('\0')]) {
        const bytes = Buffer.from(text, 'latin1')
        pieces.push(uint32(bytes.length), bytes)
      }
    }
    const plain = Buffer.concat(pieces)
    const blocks: Buffer[] = this.#begun ? [] : [zlibHeader()]
    this.#begun = true
    for (let at = 0; at < plain.length; at += storedBytesMax) {
      blocks.push(storedBlock(plain.subarray(at, at + storedBytesMax)))
    }
    // An empty block is zlib's flush: readers give out what came before it.
    blocks.push(storedBlock(Buffer.alloc(0)))
    return Buffer.concat(blocks)
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function zlibHeader(): Buffer {
  return Buffer.concat([Buffer.from([0x78, 0xbb]), uint32(spdyDictionaryId)])
}

function storedBlock(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(~bytes.length & 0xffff, 3)
  return Buffer.concat([head, bytes])
}
