// The protobuf wire format, written from the last byte to the first: what is inside a message is there
// before its length is written, so nothing is measured beforehand or copied afterwards.
// Callers write fields, and the elements of repeated ones, last to first.

const encoder = new TextEncoder()

export class WireWriter {
  #buffer = new Uint8Array(512)
  /** The first byte written; all behind it is in place. */
  #at = 512

  /** The message; the writer must not be used any more. */
  finish(): Uint8Array {
    return this.#buffer.subarray(this.#at)
  }

  /** `write` writes the fields of the inner message, last to first. */
  message(field: number, write: () => void): void {
    const end = this.#written()
    write()
    this.#varint(this.#written() - end)
    this.#varint(field * 8 + 2)
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(value.length)
    this.#at -= value.length
    this.#buffer.set(value, this.#at)
    this.#varint(value.length)
    this.#varint(field * 8 + 2)
  }

  /** What stands before `length` bytes that somebody else writes. */
  opening(field: number, length: number): void {
    this.#varint(length)
    this.#varint(field * 8 + 2)
  }

  text(field: number, value: string): void {
    this.#reserve(value.length)
    const start = this.#at - value.length
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) {
        this.bytes(field, encoder.encode(value))
        return
      }
      this.#buffer[start + index] = code
    }
    this.#at = start
    this.#varint(value.length)
    this.#varint(field * 8 + 2)
  }

  /** An integer that a JavaScript number holds exactly. */
  integer(field: number, value: number): void {
    if (value < 0) this.#negative(value)
    else this.#varint(value)
    this.#varint(field * 8)
  }

  bool(field: number, value: boolean): void {
    this.integer(field, value ? 1 : 0)
  }

  double(field: number, value: number): void {
    this.#reserve(8)
    this.#at -= 8
    new DataView(this.#buffer.buffer).setFloat64(this.#at, value, true)
    this.#varint(field * 8 + 1)
  }

  #written(): number {
    return this.#buffer.length - this.#at
  }

  /** `value` is no less than 0. */
  #varint(value: number): void {
    let length = 1
    for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length += 1
    this.#reserve(length)
    this.#at -= length
    let rest = value
    for (let index = 0; index < length - 1; index++) {
      this.#buffer[this.#at + index] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#at + length - 1] = rest
  }

  /** As 64 bits in two's complement: always ten bytes. */
  #negative(value: number): void {
    this.#reserve(10)
    this.#at -= 10
    let rest = BigInt.asUintN(64, BigInt(value))
    for (let index = 0; index < 9; index++) {
      this.#buffer[this.#at + index] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#buffer[this.#at + 9] = Number(rest)
  }

  #reserve(length: number): void {
    if (this.#at >= length) return
    const written = this.#written()
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, written + length))
    grown.set(this.#buffer.subarray(this.#at), grown.length - written)
    this.#at = grown.length - written
    this.#buffer = grown
  }
}
