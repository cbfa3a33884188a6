// The protobuf wire format: tags, varints and length-delimited fields, read from bytes.
// Leaves out groups, which nothing has used for a decade.

export class ProtobufError extends Error {}

export interface WireField {
  readonly number: number
  /** Set for numbers; fixed-width ones included. */
  readonly varint: bigint | null
  /** Set for texts, bytes and messages. */
  readonly bytes: Uint8Array | null
}

export class WireReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** @throws ProtobufError */
  *fields(): Generator<WireField, void, undefined> {
    while (this.#at < this.#bytes.length) yield this.#field()
  }

  /** The whole input as numbers, one after the other. */
  varints(): readonly bigint[] {
    const values: bigint[] = []
    while (this.#at < this.#bytes.length) values.push(this.#varint())
    return values
  }

  #field(): WireField {
    const tag = this.#varint()
    const number = Number(tag >> 3n)
    if (number < 1 || number > 536_870_911) throw new ProtobufError('a field has no valid number')
    switch (Number(tag & 7n)) {
      case 0:
        return { number, varint: this.#varint(), bytes: null }
      case 1:
        return { number, varint: this.#fixed(8), bytes: null }
      case 2:
        return { number, varint: null, bytes: this.#take(this.#varint()) }
      case 5:
        return { number, varint: this.#fixed(4), bytes: null }
      default:
        throw new ProtobufError('a field has an unknown wire type')
    }
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new ProtobufError('the message ends too early')
      this.#at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new ProtobufError('a number is too long')
  }

  #take(length: bigint): Uint8Array {
    const end = BigInt(this.#at) + length
    if (end > BigInt(this.#bytes.length)) throw new ProtobufError('the message ends too early')
    const bytes = this.#bytes.subarray(this.#at, Number(end))
    this.#at = Number(end)
    return bytes
  }

  #fixed(length: number): bigint {
    return this.#take(BigInt(length)).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
  }
}
