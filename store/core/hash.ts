// A 64-bit running hash over numbers and bytes, in two 32-bit lanes. It tells members apart that
// should be equal and finds damaged streams; it is no defence against a forger.
// Counterpart: the CRC behind etcd's HashKV.

const stepA = 0x9e3779b1
const stepB = 0x85ebca77
/** A view reads a word at once, but has to be made first. */
const viewedBytesMin = 512

export class RunningHash {
  #a: number
  #b: number

  constructor(a = 0x2545f491, b = 0x1b873593) {
    this.#a = a | 0
    this.#b = b | 0
  }

  /** Any double that is an integer; both halves count. */
  number(value: number): this {
    const low = value | 0
    const high = Math.floor(value / 0x1_0000_0000) | 0
    this.#mix(low)
    if (high !== 0) this.#mix(high ^ 0x5bd1e995)
    return this
  }

  /** The length counts as well, so that neighbours cannot trade bytes. */
  bytes(value: Uint8Array): this {
    const length = value.length
    let a = this.#a ^ length
    let b = (this.#b + length) | 0
    const whole = length & ~3
    let at = 0
    if (length >= viewedBytesMin) {
      const view = new DataView(value.buffer, value.byteOffset, length)
      for (; at < whole; at += 4) {
        const word = view.getInt32(at, true)
        a = Math.imul(a ^ word, stepA)
        a ^= a >>> 15
        b = (Math.imul(b, stepB) + (word ^ (b >>> 13))) | 0
      }
    }
    for (; at < whole; at += 4) {
      const word =
        (value[at] as number) |
        ((value[at + 1] as number) << 8) |
        ((value[at + 2] as number) << 16) |
        ((value[at + 3] as number) << 24)
      a = Math.imul(a ^ word, stepA)
      a ^= a >>> 15
      b = (Math.imul(b, stepB) + (word ^ (b >>> 13))) | 0
    }
    for (; at < length; at++) {
      const byte = value[at] as number
      a = Math.imul(a ^ byte, stepA)
      a ^= a >>> 15
      b = (Math.imul(b, stepB) + (byte ^ (b >>> 13))) | 0
    }
    this.#a = a
    this.#b = b
    this.#mix(length)
    return this
  }

  #mix(word: number): void {
    let a = Math.imul(this.#a ^ word, stepA)
    a ^= a >>> 16
    let b = (Math.imul(this.#b ^ (word >>> 7), stepB) + a) | 0
    b ^= b >>> 14
    this.#a = a
    this.#b = b
  }

  /** 32 bits of it, unsigned. */
  word(): number {
    return (this.#a ^ this.#b) >>> 0
  }

  /** Sixteen hexadecimal digits. */
  digest(): string {
    return hex(this.#a) + hex(this.#b)
  }

  /** Goes on from a digest. */
  static resume(digest: string): RunningHash {
    return new RunningHash(
      Number.parseInt(digest.slice(0, 8), 16),
      Number.parseInt(digest.slice(8, 16), 16),
    )
  }
}

/** Eight digits of 32 bits. */
export function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0')
}
