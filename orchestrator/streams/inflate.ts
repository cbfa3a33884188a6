// Deflate's decoder (RFC 1951) for a stream that stops between its blocks, synchronously and with a
// bound on what comes out. Node's zlib decodes such a stream only asynchronously, which would turn
// the parser of frames into a queue. Pure.

import { StreamError } from './stream-error.js'

const windowBytes = 32 * 1024
const symbolBitsMax = 15

const lengthBases = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
]
const lengthExtras = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]
const distanceBases = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
]
const distanceExtras = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** A canonical code: how many symbols each length has, and the symbols in order. */
interface Code {
  readonly counts: readonly number[]
  readonly symbols: readonly number[]
}

function codeOf(lengths: readonly number[]): Code {
  const counts = Array.from({ length: symbolBitsMax + 1 }, () => 0)
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1
  counts[0] = 0
  let room = 1
  for (let bits = 1; bits <= symbolBitsMax; bits += 1) {
    room = room * 2 - (counts[bits] ?? 0)
    if (room < 0) throw corrupt('a code has too many symbols')
  }
  const symbols = lengths
    .map((length, symbol) => ({ length, symbol }))
    .filter(({ length }) => length > 0)
    .toSorted((a, b) => a.length - b.length || a.symbol - b.symbol)
    .map(({ symbol }) => symbol)
  return { counts, symbols }
}

const fixedLengths = codeOf(
  Array.from({ length: 288 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  ),
)
const fixedDistances = codeOf(Array.from({ length: 30 }, () => 5))

const corrupt = (why: string): StreamError =>
  new StreamError('protocol', `compressed headers are damaged: ${why}`)

class Bits {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** No whole byte is left to read. */
  get spent(): boolean {
    return this.#at >= this.#bytes.length
  }

  take(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw corrupt('they end within a block')
      this.#at += 1
      this.#held |= byte << this.#count
      this.#count += 8
    }
    const value = this.#held & ((1 << count) - 1)
    this.#held >>>= count
    this.#count -= count
    return value
  }

  align(): void {
    this.#held = 0
    this.#count = 0
  }

  /** Only at a byte boundary. */
  bytes(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw corrupt('they end within a block')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  symbol(code: Code): number {
    let value = 0
    let first = 0
    let index = 0
    for (let bits = 1; bits <= symbolBitsMax; bits += 1) {
      value |= this.take(1)
      const count = code.counts[bits] ?? 0
      if (value - count < first) {
        const symbol = code.symbols[index + value - first]
        if (symbol === undefined) break
        return symbol
      }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw corrupt('a symbol has no meaning')
  }
}

export class Inflater {
  #window: Uint8Array
  #ended = false

  /** `dictionary` is what the stream may refer back to from its first byte. */
  constructor(dictionary: Uint8Array) {
    this.#window = dictionary.slice(-windowBytes)
  }

  /**
   * Decodes whole blocks: `input` ends where one ended on a byte boundary, as a flush leaves it.
   * Throws StreamError for damage, and for more than `bytesMax` of output.
   */
  inflate(input: Uint8Array, bytesMax: number): Uint8Array {
    const bits = new Bits(input)
    const output = new Output(this.#window, bytesMax)
    while (!bits.spent) {
      if (this.#ended) throw corrupt('something follows their last block')
      this.#ended = bits.take(1) === 1
      const type = bits.take(2)
      if (type === 0) stored(bits, output)
      else if (type === 1) compressed(bits, output, fixedLengths, fixedDistances)
      else if (type === 2) dynamic(bits, output)
      else throw corrupt('a block has no known type')
    }
    this.#window = output.window()
    return output.text()
  }
}

/** What was decoded, behind the window that it may refer to. */
class Output {
  readonly #start: number
  readonly #end: number
  #bytes: Uint8Array
  #at: number

  constructor(window: Uint8Array, bytesMax: number) {
    this.#start = window.length
    this.#end = window.length + bytesMax
    this.#bytes = new Uint8Array(window.length + Math.min(bytesMax, 4096))
    this.#bytes.set(window)
    this.#at = window.length
  }

  put(byte: number): void {
    if (this.#at >= this.#end) throw corrupt('there is more in them than is allowed')
    if (this.#at >= this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#end, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#at] = byte
    this.#at += 1
  }

  copy(distance: number, length: number): void {
    if (distance > this.#at) throw corrupt('they refer to what never was')
    for (let done = 0; done < length; done += 1) this.put(this.#bytes[this.#at - distance] ?? 0)
  }

  window(): Uint8Array {
    return this.#bytes.slice(Math.max(0, this.#at - windowBytes), this.#at)
  }

  text(): Uint8Array {
    return this.#bytes.slice(this.#start, this.#at)
  }
}

function stored(bits: Bits, output: Output): void {
  bits.align()
  const [low = 0, high = 0, notLow = 0, notHigh = 0] = bits.bytes(4)
  const length = low | (high << 8)
  if ((length ^ (notLow | (notHigh << 8))) !== 0xffff) throw corrupt('a length is not itself')
  for (const byte of bits.bytes(length)) output.put(byte)
}

function compressed(bits: Bits, output: Output, lengths: Code, distances: Code): void {
  for (;;) {
    const symbol = bits.symbol(lengths)
    if (symbol === 256) return
    if (symbol < 256) {
      output.put(symbol)
      continue
    }
    const base = lengthBases[symbol - 257]
    if (base === undefined) throw corrupt('a length has no meaning')
    const length = base + bits.take(lengthExtras[symbol - 257] ?? 0)
    const distanceSymbol = bits.symbol(distances)
    const distance = distanceBases[distanceSymbol]
    if (distance === undefined) throw corrupt('a distance has no meaning')
    output.copy(distance + bits.take(distanceExtras[distanceSymbol] ?? 0), length)
  }
}

function dynamic(bits: Bits, output: Output): void {
  const literals = bits.take(5) + 257
  const distances = bits.take(5) + 1
  const given = bits.take(4) + 4
  const codeLengths = Array.from({ length: 19 }, () => 0)
  for (const place of codeLengthOrder.slice(0, given)) codeLengths[place] = bits.take(3)
  const code = codeOf(codeLengths)
  const lengths: number[] = []
  while (lengths.length < literals + distances) {
    const symbol = bits.symbol(code)
    if (symbol < 16) {
      lengths.push(symbol)
      continue
    }
    const last = lengths.at(-1)
    if (symbol === 16 && last === undefined) throw corrupt('a repetition repeats nothing')
    const times =
      symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)
    for (let done = 0; done < times; done += 1) lengths.push(symbol === 16 ? (last ?? 0) : 0)
  }
  if (lengths.length > literals + distances) throw corrupt('a repetition repeats too much')
  compressed(bits, output, codeOf(lengths.slice(0, literals)), codeOf(lengths.slice(literals)))
}
