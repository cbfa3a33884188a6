// The little of protobuf that is needed to write messages: varints and length-delimited fields.

const encoder = new TextEncoder()

export class ProtoWriter {
  readonly #chunks: Uint8Array[] = []

  text(field: number, value: string): this {
    return value === '' ? this : this.#delimited(field, encoder.encode(value))
  }

  /** Written even when empty: presence is what some readers look at. */
  message(field: number, value: ProtoWriter): this {
    return this.#delimited(field, value.bytes())
  }

  bool(field: number, value: boolean): this {
    if (value) this.#chunks.push(varint(field * 8), varint(1))
    return this
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }

  #delimited(field: number, value: Uint8Array): this {
    this.#chunks.push(varint(field * 8 + 2), varint(value.length), value)
    return this
  }
}

/** `value` below 2^53. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
