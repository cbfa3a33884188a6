// Reads the fields of a payload one after another. Integers are little endian; those of eight bytes
// stay below 2^53. A payload has a good checksum when it comes here, so what does not fit is a defect
// of the writer and reported as such, never guessed at.

/** A payload that its writer cannot have meant. */
export class BadPayload extends Error {}

export class PayloadReader {
  private at = 0
  private readonly payload: Buffer

  constructor(payload: Buffer) {
    this.payload = payload
  }

  get left(): number {
    return this.payload.length - this.at
  }

  private take(length: number): number {
    const start = this.at
    if (length > this.payload.length - start) throw new BadPayload('payload is too short')
    this.at = start + length
    return start
  }

  u32(): number {
    return this.payload.readUInt32LE(this.take(4))
  }

  u64(): number {
    const start = this.take(8)
    return wide(this.payload, start)
  }

  text(length: number): string {
    const start = this.take(length)
    return this.payload.toString('utf8', start, start + length)
  }

  end(): void {
    if (this.at !== this.payload.length) throw new BadPayload('payload is too long')
  }
}

/** An integer of eight bytes. */
export function wide(payload: Buffer, at: number): number {
  const high = payload.readUInt32LE(at + 4)
  if (high > 0x1f_ffff) throw new BadPayload('integer above 2^53-1')
  return high * 0x1_0000_0000 + payload.readUInt32LE(at)
}
